"""Reports from a read replica: a real standby that streams from a real server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from core import export, reports
from core.accounts import tokens, users
from core.reports.declaration import Result
from core.settings import Settings
from core.storage.connections import Database
from core.storage.migrate import declared
from core.storage.replica import Replica, read_from, with_replica
from core.storage.writer import BatchWriter
from tests.support import servers
from tests.support.records import NOON, batch, event
from tests.support.replication import Pair, streaming_pair

DAY = NOON.date()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with streaming_pair(tmp_path_factory.mktemp("replication")) as made:
        yield made


@pytest.fixture
def replicated(pair: Pair) -> Iterator[Database]:
    """A database of the primary that reads from the standby, with one event in both."""
    with servers.fresh_database(pair.primary.dsn(), copy=False) as database:
        with BatchWriter(database) as writer:
            writer.write([batch([event()])])
        with_replica(database, settings(pair))
        pair.caught_up()
        yield database
        pair.standby.execute("SELECT pg_wal_replay_resume()")


def settings(pair: Pair, **more: object) -> Settings:
    return Settings(_env_file=None, database_read_url=pair.standby.dsn("any"), **more)  # type: ignore[arg-type]


def one_more(database: Database) -> None:
    with BatchWriter(database) as writer:
        writer.write([batch([event(NOON + timedelta(minutes=1), "bob")], sequence=2)])


def traffic(database: Database) -> Result:
    return reports.traffic(database, start=DAY, end=DAY, now=datetime.now(UTC))


def events(result: Result) -> int:
    return int(result["timeline"]["events"].sum())


def test_reports_are_read_from_the_replica_and_say_how_far_it_is_behind(pair: Pair, replicated: Database) -> None:
    pair.standby.execute("SELECT pg_wal_replay_pause()")
    one_more(replicated)
    behind = traffic(replicated)
    assert events(behind) == 1
    assert behind.meta.replica_lag is not None
    pair.standby.execute("SELECT pg_wal_replay_resume()")
    pair.caught_up()
    assert events(traffic(replicated)) == 2


def test_a_lag_worth_saying_is_a_warning(replicated: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.reports.declaration.LAG_WORTH_SAYING", 0.0)
    assert any("behind" in warning for warning in traffic(replicated).meta.warnings)


def test_too_far_behind_the_server_itself_is_read(pair: Pair, replicated: Database) -> None:
    pair.standby.execute("SELECT pg_wal_replay_pause()")
    one_more(replicated)
    with_replica(replicated, settings(pair, database_read_max_lag=1e-6))
    result = traffic(replicated)
    assert events(result) == 2
    assert result.meta.replica_lag is None


def test_a_replica_that_is_away_costs_one_attempt(replicated: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    replicated.replica = Replica(nowhere, 60.0, len(declared()))
    first = traffic(replicated)
    assert (events(first), first.meta.replica_lag) == (1, None)
    monkeypatch.setattr(nowhere, "connect", lambda **_: pytest.fail("it was asked again at once"))
    assert events(traffic(replicated)) == 1


def test_a_replica_without_the_schema_of_this_version_is_not_read(replicated: Database) -> None:
    assert replicated.replica is not None
    replicated.replica = Replica(replicated.replica.database, 60.0, len(declared()) + 1)
    assert traffic(replicated).meta.replica_lag is None


def test_what_replay_cancels_is_read_again_from_the_server_itself(pair: Pair, replicated: Database) -> None:
    with replicated.connect(autocommit=True) as primary:
        primary.execute("CREATE TABLE fleeting AS SELECT 1 AS one")
        pair.caught_up()
        asked: list[Database] = []

        def read(source: Database) -> int:
            asked.append(source)
            if source is replicated:
                return 2
            with source.borrow() as connection:
                connection.execute("SELECT * FROM fleeting").fetchall()
                primary.execute("DROP TABLE fleeting")  # replay waits for nobody here, and ends who is reading
                connection.execute("SELECT pg_sleep(30)")
            return 1

        assert read_from(replicated, read) == (2, None)
    assert len(asked) == 2


def exported(database: Database, end: datetime) -> tuple[int, str]:
    with export.raw_events(database, NOON - timedelta(hours=1), end) as rows:
        digest = hashlib.sha256(b"".join(rows)).hexdigest()
        return rows.rows, digest


def test_exports_are_read_there_when_it_has_all_of_the_range(pair: Pair, replicated: Database) -> None:
    before = exported(replicated, NOON + timedelta(hours=1))
    pair.standby.execute("SELECT pg_wal_replay_pause()")
    one_more(replicated)
    assert exported(replicated, NOON + timedelta(hours=1)) == before
    assert exported(replicated, datetime.now(UTC) + timedelta(hours=1))[0] == 2


def test_a_demo_reads_the_demo_database_of_the_replica(pair: Pair) -> None:
    demo = with_replica(Database(pair.primary.dsn("relay_analytics_demo"), demo=True), settings(pair))
    assert demo.replica is not None
    assert (demo.replica.database.name, demo.replica.database.demo) == ("relay_analytics_demo", True)


def test_without_a_replica_nothing_changes(replicated: Database) -> None:
    alone = with_replica(Database(replicated.dsn), Settings(_env_file=None))
    assert alone.replica is None
    assert traffic(alone).meta.replica_lag is None


def test_the_api_reads_there_and_writes_to_the_server_itself(pair: Pair, replicated: Database) -> None:
    """A token made this moment is valid, what is recorded is there at once, and a result has one tag from both."""
    pair.standby.execute("SELECT pg_wal_replay_pause()")
    users.add(replicated, "ada", "a long password", datetime.now(UTC), role="admin")
    token = tokens.issue(replicated, "ada", datetime.now(UTC), scopes=("read", "export", "admin"))
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/v1/analytics/reports/traffic?start_date={DAY}&end_date={DAY}"
    with TestClient(create_app(replicated, Settings(_env_file=None))) as client:
        copy = client.get(path, headers=headers)
        assert copy.json()["meta"]["replica_lag"] is not None
        assert client.get(f"{path}&format=csv", headers=headers).status_code == 200
        entries = client.get("/api/v1/analytics/audit", headers=headers).json()["data"]
        assert [entry["action"] for entry in entries] == ["export.report"]
        replicated.replica = None
        itself = client.get(path, headers=headers)
    assert itself.json()["meta"]["replica_lag"] is None
    assert itself.headers["etag"] == copy.headers["etag"]
