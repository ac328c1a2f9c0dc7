"""Migrations: applied once, under a lock, checked, and ending in the declared schema."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.exceptions import MigrationError
from core.jobs import schema
from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Connection, Delivery
from core.storage import client_bins, rollups, timescale
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.migrate import DIRECTORY, Migration, declared, migrate, status
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support import servers
from tests.support.records import NOON, batch, event, micros

DAY = timedelta(days=1)

CATALOG = {
    "columns": """
        SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid) AS fallback, a.attstorage, c.reloptions::text
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT c.relispartition
        ORDER BY c.relname, a.attnum""",
    "constraints": """
        SELECT conrelid::regclass::text AS owner, pg_get_constraintdef(oid) AS definition FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND coninhcount = 0 ORDER BY 1, 2""",
    "indexes": """
        SELECT tablename, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename NOT LIKE '%_default' ORDER BY 1, 2""",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
    "sequences": """
        SELECT sequencename, data_type::text, cache_size FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1""",
    "partition keys": """
        SELECT partrelid::regclass::text, pg_get_partkeydef(partrelid) FROM pg_partitioned_table ORDER BY 1""",
}


def catalog(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.connect() as connection:
        found = {name: connection.execute(query.encode()).fetchall() for name, query in CATALOG.items()}
    return {name: [row for row in rows if row[0] != "schema_migrations"] for name, rows in found.items()}


def test_replaying_the_migrations_gives_the_declared_schema(database: Database, empty_dsn: str) -> None:
    with Database(empty_dsn) as fresh:
        with fresh.connect() as connection:
            connection.execute((DIRECTORY.parent / "schema.sql").read_bytes())
            schema.install(connection)
        assert catalog(database) == catalog(fresh)


@pytest.mark.timescale
def test_the_replay_on_timescaledb_gives_the_same_without_partitions(
    timescale_database: Database, empty_dsn: str
) -> None:
    """Hypertables are plain tables to the catalog; they only lack the partitioning clause."""
    assert timescale_database.timescale
    with Database(empty_dsn) as fresh:
        with fresh.connect() as connection:
            text = (DIRECTORY.parent / "schema.sql").read_text()
            connection.execute(timescale.without_partitioning(text).encode())
            schema.install(connection)
        replayed, wanted = catalog(timescale_database), catalog(fresh)
    assert replayed["columns"] == wanted["columns"]
    assert replayed["indexes"] == wanted["indexes"]
    assert replayed["constraints"] == [row for row in wanted["constraints"] if "NOT NULL" not in str(row[1])]
    assert replayed["partition keys"] == wanted["partition keys"] == []
    assert [row[0] for row in replayed["views"]] == [row[0] for row in wanted["views"]]
    hypertables = timescale_database.read("SELECT hypertable_name FROM timescaledb_information.hypertables")
    assert set(hypertables["hypertable_name"]) == set(timescale.TIME_COLUMNS)


def test_the_schema_holds_the_declared_rollups(database: Database) -> None:
    text = (DIRECTORY.parent / "schema.sql").read_text()
    for rollup in rollups.ROLLUPS:
        for table in (rollup.name, rollup.current):
            assert list(database.read(f"SELECT * FROM {table}").columns)[: len(rollup.columns)] == list(rollup.columns)
        assert rollups.create_sql(rollup) in text
        assert rollups.create_view_sql(rollup) in text
    assert all(rollups.create_delta_sql(delta) in text for delta in rollups.DELTAS)
    for name in client_bins.KEYS:
        assert client_bins.view_sql(rollups.rollup_named(name)) in text


def test_the_lookups_hold_every_name_of_the_records(database: Database) -> None:
    assert set(EVENT_TYPES) < set(database.read("SELECT name FROM event_types")["name"])
    assert set(OUTCOMES) == set(database.read("SELECT name FROM outcomes")["name"])
    assert set(ERROR_CODES) < set(database.read("SELECT name FROM error_codes")["name"])


PAIRED = {
    2: ("traffic_second", "latency_live", "traffic_minute", "traffic_hour", "error_hour", "latency_hour", "latency_day",
        "client_day"),
    4: ("traffic_second", "latency_live", "traffic_minute", "traffic_hour", "error_hour", "latency_hour", "latency_day",
        "client_day", "client_hour", "client_error_day", "first_event_hour"),
}  # fmt: skip
"""The roll-ups of earlier schemas, each with a delta of its own."""
FORMER = {
    rollup.name: rollup
    for rollup in (
        rollups.Rollup("traffic_hour", rollups.TRAFFIC_HOUR, rollups.HOUR,
                       ("relay_id", "event_type_id", "kind", "outcome_id"),
                       (*rollups.COUNTS, *rollups.CARRIED, *rollups.TIMES)),
        rollups.Rollup("latency_day", rollups.LATENCY, rollups.DAY, ("relay_id", "event_type_id", "bin"), ("n",)),
        rollups.Rollup("client_error_day", rollups.ERRORS, rollups.DAY, ("relay_id", "client_no", "error_code_id"),
                       ("n",)),
    )
}  # fmt: skip
"""Those that are kept otherwise now."""


@pytest.mark.parametrize("version", PAIRED)
def test_an_earlier_schema_is_brought_up_with_its_data(version: int, database: Database, empty_dsn: str) -> None:
    """What was merged, what still lay in its own delta, and what did not exist yet and is counted from raw rows."""
    with BatchWriter(database) as writer:
        many = [
            event(NOON + timedelta(minutes=37 * n), f"client {n % 3}", response_time_ms=n, first_event_ms=n / 3,
                  error_code="blocked" if n % 4 == 0 else None)
            for n in range(80)
        ]  # fmt: skip
        deliveries = [Delivery(micros(NOON), "client 1", 5, bytes_out=70)]
        ended = [Connection(9, "client 2", "address", micros(NOON), micros(NOON) + 1_234_567)]
        writer.write([batch(many, deliveries=deliveries, connections=ended)])
    with Database(empty_dsn) as older:
        migrate(older, declared()[:version])
        for table in ("relays", "traffic_events_raw", "deliveries_raw", "connections_raw"):
            copy_rows(database, older, table)
        copy_rows(
            database, older, "clients", "client_no, client_id, first_seen, first_seen + interval '9 days' AS last_seen"
        )
        with older.borrow() as connection:
            for name in PAIRED[version]:
                rollup = FORMER.get(name) or rollups.rollup_named(name)
                for table, start, end in (
                    (name, NOON - DAY, NOON + DAY),
                    (f"{name}_delta", NOON + DAY, NOON + 9 * DAY),
                ):
                    connection.execute(counted(rollup, table).encode(), {"start": start, "end": end})
        assert [migration.version for migration in migrate(older)] == list(range(version + 1, len(declared()) + 1))
        assert verify(older) == []
        for table in ("client_hour", "client_day", "client_span", "session_hour", "first_event_hour"):
            assert not older.read(f"SELECT 1 AS one FROM {table}").empty
        seen = "SELECT client_id, first_seen, last_seen FROM clients_seen ORDER BY 1"
        assert older.read(seen).equals(database.read(seen))
        fold(older, datetime.now(UTC) + DAY)
        assert verify(older) == []


def counted(rollup: rollups.Rollup, table: str) -> str:
    """Statement that fills a table of an earlier schema as its version did, from the facts of [start, end)."""
    keys = ", ".join(rollup.key_columns)
    sums = ", ".join(rollups.total_sql(measure) for measure in rollup.measures)
    bucket = rollup.grain.sql('"timestamp"')
    return f"""INSERT INTO {table} ({", ".join(rollup.columns)}) SELECT {keys}, {sums}
        FROM (SELECT {bucket} AS {rollup.grain.column}, * FROM ({rollups.FACTS_SQL}) facts) facts
        WHERE {rollups.TAKES_SQL[rollup.delta.takes]} GROUP BY {keys}"""


def copy_rows(source: Database, target: Database, table: str, columns: str = "*") -> None:
    into_columns = "" if columns == "*" else "(client_no, client_id, first_seen, last_seen)"
    with (
        source.connect() as read, target.connect() as write,
        read.cursor().copy(f"COPY (SELECT {columns} FROM {table}) TO STDOUT".encode()) as out,
        write.cursor().copy(f"COPY {table} {into_columns} FROM STDIN".encode()) as into,
    ):  # fmt: skip
        for piece in out:
            into.write(piece)


def test_bits_of_active_clients_are_set_from_the_hours_and_days_there_are(database: Database) -> None:
    """As an older version left them: merged hours, days without event types, and deltas that wait."""
    with BatchWriter(database) as writer:
        first, second = (
            [event(NOON + timedelta(minutes=37 * n), f"client {n % k}", event_type=t) for n in range(80)]
            for k, t in ((7, "REQ"), (11, "EVENT"))
        )
        writer.write([batch(first, sequence=1)])
        fold(database, NOON)
        writer.write([batch(second, sequence=2)])
    with database.borrow() as connection:
        connection.execute("DROP VIEW active_pending")
        connection.execute("DROP TABLE active_hour, active_day")
        connection.execute("CREATE TABLE active_day (day date, chunk integer, bits bit(65536))")
        connection.execute("DELETE FROM schema_migrations WHERE version = 6")
    assert [migration.version for migration in migrate(database)] == [6]
    assert not database.read("SELECT 1 AS one FROM active_hour WHERE event_type_id <> 0").empty
    assert verify(database) == []
    fold(database, NOON)
    assert verify(database) == []


def test_a_second_run_does_nothing(database: Database) -> None:
    assert migrate(database) == []
    assert all(one.applied_at is not None for one in status(database))


def test_status_of_an_empty_database_lists_what_is_to_do(empty_dsn: str) -> None:
    with Database(empty_dsn) as fresh:
        assert [one.applied_at for one in status(fresh)] == [None] * len(declared())


def test_processes_that_start_together_migrate_once(empty_dsn: str) -> None:
    with Database(empty_dsn) as fresh, ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(lambda _: len(migrate(fresh)), range(4)))
    assert sorted(applied) == [0, 0, 0, len(declared())]


def test_a_changed_migration_is_refused(database: Database) -> None:
    changed = [replace(migration, sql=migration.sql + "-- changed") for migration in declared()]
    with pytest.raises(MigrationError, match="0001 was changed"):
        migrate(database, changed)


def later(sql: str) -> list[Migration]:
    return [*declared(), Migration(len(declared()) + 1, "later", sql)]


def test_a_version_goes_on_beside_a_later_one(database: Database) -> None:
    migrate(database, later("ALTER TABLE users ADD COLUMN telephone text"))
    assert migrate(database) == []
    assert [one.version for one in status(database)] == [migration.version for migration in declared()]


def test_a_later_version_that_breaks_earlier_ones_stops_them(database: Database) -> None:
    migrate(database, later("-- Breaks earlier versions: users have no names.\nALTER TABLE users DROP COLUMN name"))
    with pytest.raises(MigrationError, match="newer"):
        migrate(database)
    with pytest.raises(MigrationError, match="newer"):
        status(database)


def test_a_database_from_before_the_register_said_what_breaks_is_taken_on(database: Database) -> None:
    with database.borrow() as connection:
        connection.execute("ALTER TABLE schema_migrations DROP COLUMN breaking")
    assert all(one.applied_at for one in status(database))
    assert migrate(database) == []
    assert not database.read("SELECT breaking FROM schema_migrations")["breaking"].any()


def test_a_failing_migration_leaves_nothing_behind(database: Database) -> None:
    broken = Migration(len(declared()) + 1, "broken", "CREATE TABLE half_done (); SELECT 1 / 0;")
    with pytest.raises(MigrationError, match="division by zero"):
        migrate(database, [*declared(), broken])
    assert database.read("SELECT to_regclass('half_done') IS NULL AS gone")["gone"].all()
    assert migrate(database) == []


def test_files_with_a_gap_in_their_numbers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("SELECT 1")
    (tmp_path / "0003_third.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match="without gaps"):
        declared(tmp_path)


def test_the_demo_database_is_marked(empty_dsn: str, database: Database) -> None:
    with Database(empty_dsn, demo=True) as demo:
        migrate(demo)
        assert demo.read("SELECT value::text FROM settings_store WHERE name = 'demo'")["value"].tolist() == ["true"]
    assert database.read("SELECT 1 AS one FROM settings_store WHERE name = 'demo'").empty


def test_two_databases_of_one_server_are_apart(server_dsn: str, database: Database) -> None:
    with servers.fresh_database(server_dsn) as other:
        with other.borrow() as connection:
            connection.execute("INSERT INTO settings_store VALUES ('mine', '1')")
        assert database.read("SELECT * FROM settings_store WHERE name = 'mine'").empty
