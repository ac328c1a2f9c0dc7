"""Forgetting a client: everything that says who it was goes, and every number stays true.

The client's number keeps its rows and roll-ups under a new random name, so that sums, percentiles and counts of unique
clients do not change, for several forgotten clients either. What leads back to it is cleared: its name, its event ids,
metadata, connections and application on raw rows, samples in the quarantine, incidents, rules for alerts and schedules
that name it, users tied to it, and on request its name on closed bills. A row of the same client that arrives
afterwards makes a new client.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from core.billing import erasing
from core.exceptions import ClientBilledError, ClientHeldError, UnknownClientError
from core.storage import ledger, shape_hours
from core.storage.connections import Database, unavailable

IDENTITY = "forgotten"
PREFIX = "forgotten:"
DAY = timedelta(days=1)

CLEARED = {
    "traffic_events_raw": (
        '"timestamp"',
        "event_id = NULL, metadata = NULL, app_id = NULL, connection = 0",
        "(event_id IS NOT NULL OR metadata IS NOT NULL OR app_id IS NOT NULL OR connection <> 0)",
    ),
    "deliveries_raw": ('"timestamp"', "connection = 0", "connection <> 0"),
    "connections_raw": ("closed_at", "app_id = NULL, connection = 0", "(app_id IS NOT NULL OR connection <> 0)"),
}
"""Raw tables: their time, what is cleared, and rows of which it is not yet."""

DAYS = """
SELECT DISTINCT (bucket AT TIME ZONE 'UTC')::date FROM (
    SELECT bucket FROM client_hour WHERE client_no = %(client)s
    UNION ALL SELECT bucket FROM client_delta WHERE client_no = %(client)s
    UNION ALL SELECT bucket FROM client_session_hour WHERE client_no = %(client)s
    UNION ALL SELECT bucket FROM session_delta WHERE client_no = %(client)s
    UNION ALL SELECT date_bin('1 hour', closed_at, timestamptz '2000-01-01 00:00:00+00') FROM connections_raw
              WHERE client_no = %(client)s AND opened_at IS NULL
) AS hours ORDER BY 1"""
"""The UTC days with rows of a client. Connections of unknown length are in no roll-up."""


NAMES_IT = b"position(%(quoted)s IN sample) > 0 OR (length(%(client)s) >= 8 AND position(%(client)s IN sample) > 0)"
"""Samples that name a client; a short name must stand in quotes, or it would be found in other words."""
COUNT_SAMPLES = b"SELECT count(*) FROM quarantine WHERE " + NAMES_IT
ERASE_SAMPLES = b"UPDATE quarantine SET sample = 'erased' WHERE " + NAMES_IT


@dataclass(frozen=True)
class Traces:
    """Where a client is found. `bills` and `reasons` are (period, number of the adjustment, 0: the closing)."""

    client_no: int
    days: list[date]
    users: list[str]
    quarantined: int
    bills: list[tuple[int, int]]
    reasons: list[tuple[int, int]]


def traces(database: Database, client: str) -> Traces:
    """What forgetting this client would touch. Raises UnknownClientError, DatabaseUnavailableError."""
    with unavailable(), database.connect() as connection:
        return _traces(connection, client)


def rename(database: Database, client: str, now: datetime, *, include_bills: bool) -> Traces:
    """Take the client's name everywhere but from raw rows, in one transaction; `clear_raw` does the rest.

    Waits for writes that are under way; later ones make a new client. Raises UnknownClientError, ClientBilledError
    (nothing is changed then), DatabaseUnavailableError.
    """
    with unavailable(), database.connect() as connection, connection.transaction():
        ledger.exclude_writers(connection)
        found = _traces(connection, client)
        if connection.execute("SELECT 1 FROM held_clients WHERE client_no = %s", [found.client_no]).fetchone():
            raise ClientHeldError(f"{client} is under a legal hold; release it first (relay-analytics hold release).")
        if found.bills and not include_bills:
            periods = ", ".join(str(period) for period in sorted({period for period, _ in found.bills}))
            raise ClientBilledError(
                f"{client} stands on the bills of period {periods}. Bills may have to be kept by law; "
                "with --include-bills the name is erased there too, amounts and checks stay."
            )
        tombstone = PREFIX + secrets.token_hex(10)
        connection.execute(
            "UPDATE clients SET client_id = %s, name = NULL, identity = %s WHERE client_no = %s",
            [tombstone, IDENTITY, found.client_no],
        )
        connection.execute(
            "INSERT INTO forgotten_clients (client_no, asked_at) VALUES (%s, %s)", [found.client_no, now]
        )
        erasing.erase_name(connection, found.client_no, tombstone)
        connection.execute("DELETE FROM login_tickets WHERE subject = ANY(%s)", [found.users])
        connection.execute("DELETE FROM users WHERE username = ANY(%s)", [found.users])  # and sessions, tokens
        connection.execute(ERASE_SAMPLES, _named(client))
        _erase_from_audit(connection, client, found.users, tombstone)
        _erase_from_alerts(connection, client, tombstone)
        _erase_from_schedules(connection, client, tombstone)
        return found


def unfinished(database: Database) -> list[int]:
    """Clients whose raw rows are not all cleared: an earlier call was interrupted."""
    with unavailable(), database.connect(autocommit=True) as connection:
        rows = connection.execute("SELECT client_no FROM forgotten_clients WHERE erased_at IS NULL ORDER BY 1")
        return [number for (number,) in rows.fetchall()]


def clear_raw(database: Database, client_no: int, now: datetime) -> int:
    """Clear the raw rows of a renamed client, a day at a time; returns how many. Safe to interrupt and repeat.

    Raises DatabaseUnavailableError.
    """
    cleared = 0
    with unavailable(), database.connect(autocommit=True) as connection:
        # No limit on what TimescaleDB may unpack for this; elsewhere the setting is of no use, and allowed.
        connection.execute("SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', false)")
        days = [day for (day,) in connection.execute(DAYS, {"client": client_no}).fetchall()]
        for day in days:
            for table in CLEARED:
                # Again until there is none: a partition made meanwhile is not seen by the statement under way.
                while changed := _clear_day(connection, table, client_no, day):
                    cleared += changed
        shape_hours.count_again(connection, client_no)
        connection.execute("UPDATE forgotten_clients SET erased_at = %s WHERE client_no = %s", [now, client_no])
    return cleared


def _clear_day(connection: psycopg.Connection[Any], table: str, client_no: int, day: date) -> int:
    column, assignments, not_yet = CLEARED[table]
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return connection.execute(
        f"UPDATE {table} SET {assignments} WHERE {column} >= %s AND {column} < %s AND client_no = %s"  # noqa: S608
        f" AND {not_yet}".encode(),
        [start, start + DAY, client_no],
    ).rowcount


def _traces(connection: psycopg.Connection[Any], client: str) -> Traces:
    row = connection.execute("SELECT client_no FROM clients WHERE client_id = %s", [client]).fetchone()
    if row is None:
        raise UnknownClientError(f"There is no client {client!r}.")
    number = int(row[0])
    users = connection.execute("SELECT username FROM users WHERE client_id = %s ORDER BY 1", [client]).fetchall()
    quarantined = connection.execute(COUNT_SAMPLES, _named(client)).fetchone()
    return Traces(
        number,
        [day for (day,) in connection.execute(DAYS, {"client": number}).fetchall()],
        [name for (name,) in users],
        int(quarantined[0]) if quarantined else 0,
        erasing.billed_in(connection, number),
        erasing.named_in_reasons(connection, client),
    )


def _named(client: str) -> dict[str, str]:
    return {"client": client, "quoted": repr(client)}


def _erase_from_audit(connection: psycopg.Connection[Any], client: str, users: Sequence[str], tombstone: str) -> None:
    """Entries stay; the client's name, and its users as actors, are replaced."""
    connection.execute("UPDATE audit_log SET actor = %s WHERE actor = ANY(%s)", [tombstone, users])
    names = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in (client, *users)))
    for entry, details in connection.execute("SELECT entry_id, details FROM audit_log").fetchall():
        replaced = _replaced(details, names, tombstone)
        if replaced != details:
            connection.execute("UPDATE audit_log SET details = %s WHERE entry_id = %s", [Jsonb(replaced), entry])


def _erase_from_alerts(connection: psycopg.Connection[Any], client: str, tombstone: str) -> None:
    """Incidents stay; what names the client as a cause, and rules about it, are replaced."""
    name = re.compile(rf"(?<!\w){re.escape(client)}(?!\w)")
    connection.execute("DELETE FROM waiting_messages WHERE client_id = %s", [client])
    for number, why, definition in connection.execute(
        "SELECT incident_id, why, definition FROM alert_incidents WHERE position(%(client)s IN why::text) > 0"
        " OR position(%(client)s IN definition::text) > 0",
        {"client": client},
    ).fetchall():
        connection.execute(
            "UPDATE alert_incidents SET why = %s, definition = %s WHERE incident_id = %s",
            [Jsonb(_replaced(why, name, tombstone)), Jsonb(_replaced(definition, name, tombstone)), number],
        )
    for rule, definition in connection.execute(
        "SELECT name, definition FROM alert_rules WHERE definition IS NOT NULL"
    ).fetchall():
        replaced = _replaced(definition, name, tombstone)
        if replaced != definition:
            connection.execute("UPDATE alert_rules SET definition = %s WHERE name = %s", [Jsonb(replaced), rule])


def _erase_from_schedules(connection: psycopg.Connection[Any], client: str, tombstone: str) -> None:
    """Reports about the client are sent no more; what was sent stays in the ledger, under the new name."""
    name = re.compile(rf"(?<!\w){re.escape(client)}(?!\w)")
    schedules = connection.execute("SELECT schedule_id, name, filters FROM schedules").fetchall()
    for number, title, filters in schedules:
        replaced = _replaced(filters, name, tombstone)
        connection.execute(
            "UPDATE schedules SET name = %s, filters = %s, active = active AND %s WHERE schedule_id = %s",
            [name.sub(tombstone, title), Jsonb(replaced), replaced == filters, number],
        )
    for number, error, detail in connection.execute(
        "SELECT run_id, error, detail FROM schedule_runs WHERE position(%(client)s IN concat(error, detail)) > 0",
        {"client": client},
    ).fetchall():
        texts = [None if text is None else name.sub(tombstone, text) for text in (error, detail)]
        connection.execute("UPDATE schedule_runs SET error = %s, detail = %s WHERE run_id = %s", [*texts, number])


def _replaced(value: Any, names: re.Pattern[str], by: str) -> Any:
    """A JSON value with these names in its texts replaced."""
    if isinstance(value, str):
        return names.sub(by, value)
    if isinstance(value, dict):
        return {name: _replaced(part, names, by) for name, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, names, by) for part in value]
    return value
