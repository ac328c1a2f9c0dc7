"""The history of a large relay, made by a bulk path: columns from NumPy to COPY, through the writer's own roll-ups.

Rows and sums go the way of real ones (`rows`, `deltas`, the fold); only the records in between are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from core.records import Connection, Delivery
from core.storage import client_kind_packs, connection_hours, partitions, rows
from core.storage.array_rows import insert_rows
from core.storage.binary_copy import Numbers, copy_columns
from core.storage.connections import Database
from core.storage.deltas import delta_of
from core.storage.event_columns import PLACE_OF_ERROR, PLACE_OF_OUTCOME, PLACE_OF_TYPE, EventColumns
from core.storage.fold import fold
from core.storage.lookups import Lookups
from core.storage.rollups import DELTAS, SESSION

END = datetime(2026, 3, 31, tzinfo=UTC)
"""The first instant after the history."""
DAY = timedelta(days=1)
TYPES = np.array(["EVENT", "REQ", "CLOSE", "AUTH", "COUNT"])
TYPE_SHARES = np.array([0.3, 0.46, 0.2, 0.03, 0.01])
KINDS = np.array([1, 0, 3, 6, 7, 4, 1984, 10002, 20000, 30023, 30078, 9735, 1059, 5, 22242])
OUTCOMES = np.array(["ok", "duplicate", "rejected", "failed", "unanswered"])
OUTCOME_SHARES = np.array([0.9, 0.05, 0.035, 0.005, 0.01])
CODES = np.array(["blocked", "rate-limited", "invalid", "auth-required", "pow", "restricted"])
RHYTHM = 1 + 0.6 * np.sin((np.arange(24) - 8) / 24 * 2 * np.pi)
"""Traffic by the hour of the day."""
ZIPF = 1.1
SESSIONS_PER_DAY = 5000
LISTENERS_PER_DAY = 2000


@dataclass(frozen=True)
class Size:
    """`events` over `days` by `clients`; each event comes with `repeats - 1` others of its client, type, hour."""

    events: int = 20_000_000
    days: int = 90
    clients: int = 50_000
    repeats: int = 1

    @property
    def name(self) -> str:
        """Of the database that holds it."""
        dense = "" if self.repeats == 1 else f"_x{self.repeats}"
        return f"history_{self.events}_{self.days}_{self.clients}{dense}"


def fill(database: Database, size: Size, report: Callable[[str], None] = lambda _: None) -> None:
    """Store the history day by day, oldest first, folded as if each day had ended."""
    random = np.random.default_rng(7)
    shares = 1 / np.arange(1, size.clients + 1) ** ZIPF
    shares /= shares.sum()
    names = [f"address:{number:032x}" for number in range(size.clients)]
    first = END - size.days * DAY
    partitions.ensure_days(database, {(first + number * DAY).date() for number in range(size.days + 1)})
    with database.connect(autocommit=True) as connection:
        lookups = Lookups()
        with connection.transaction():
            fixed = rows.Fixed.of(lookups.fixed_lists(connection))
            lookups.find_small(connection, "relays", "relay_id", ["relay.example"])
            start = int(first.timestamp() * 1e6)
            lookups.find_clients(connection, names, lambda: dict.fromkeys(names, start))
        numbers = {
            "clients": np.array([lookups.clients[name] for name in names]),
            "relays": np.array([lookups.relays["relay.example"]]),
            "apps": np.zeros(0, dtype=np.int64),
        }
        for number in range(size.days):
            day = first + number * DAY
            with connection.transaction():
                _store_day(connection, day, size, shares, names, fixed, numbers, random)
            fold(database, day + DAY + timedelta(minutes=1))
            if number % 10 == 9:
                report(f"{number + 1} of {size.days} days")
        _minutes(connection, first, size)
        for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
            connection.execute(statement.encode())


def finish(database: Database) -> None:
    """What a kept history, of an earlier version, has not: it is packed by the folds after an update."""
    with database.connect(autocommit=True) as connection:
        while client_kind_packs.packed_before(connection) < END:
            fold(database, END + timedelta(minutes=1))
        connection.execute("VACUUM (ANALYZE) client_kind_pack")


def _store_day(
    connection: psycopg.Connection[Any], day: datetime, size: Size, shares: NDArray[np.float64], names: list[str],
    fixed: rows.Fixed, numbers: Numbers, random: np.random.Generator,
) -> None:  # fmt: skip
    columns = _events(day, size, shares, names, random)
    count = len(columns.timestamp)
    relay = np.zeros(max(count, SESSIONS_PER_DAY), dtype=np.int64)
    raw, metadata, facts = rows.event_rows(columns, relay[:count], fixed, [None] * count)
    copy_columns(connection, "traffic_events_raw", raw, metadata, numbers)
    listeners = random.choice(len(names), LISTENERS_PER_DAY)
    times = int(day.timestamp() * 1e6) + random.integers(0, 86_400_000_000, LISTENERS_PER_DAY)
    deliveries = [
        Delivery(at, names[client], client, 40, 60, 30_000, 20, 29_000, 0)
        for at, client in zip(times.tolist(), listeners.tolist(), strict=True)
    ]
    raw, carried = rows.delivery_rows(deliveries, relay[:LISTENERS_PER_DAY], columns.clients)
    copy_columns(connection, "deliveries_raw", raw, numbers=numbers)
    together = {name: np.concatenate([facts[name], carried[name]]) for name in facts}
    for delta in DELTAS:
        if delta is not SESSION:
            insert_rows(connection, delta_of(delta, together), numbers)
    closed = int(day.timestamp() * 1e6) + random.integers(0, 86_400_000_000, SESSIONS_PER_DAY)
    lasted = (random.lognormal(4, 2, SESSIONS_PER_DAY) * 1e6).astype(np.int64)
    who = random.choice(len(names), SESSIONS_PER_DAY, p=shares)
    connections = [
        Connection(place, names[client], "address", end - length, end, 1000, None, 900, 20_000, 12)
        for place, (client, end, length) in enumerate(zip(who.tolist(), closed.tolist(), lasted.tolist(), strict=True))
    ]
    raw, sessions = rows.connection_rows(connections, relay[:SESSIONS_PER_DAY], columns.clients, columns.apps)
    copy_columns(connection, "connections_raw", raw, numbers=numbers)
    insert_rows(connection, delta_of(SESSION, sessions), numbers)


def _events(
    day: datetime, size: Size, shares: NDArray[np.float64], names: list[str], random: np.random.Generator
) -> EventColumns:
    count = size.events // size.days // size.repeats
    hours = random.choice(24, count, p=RHYTHM / RHYTHM.sum())
    client = random.choice(size.clients, count, p=shares)
    kind_of = random.choice(len(TYPES), count, p=TYPE_SHARES)
    hours, client, kind_of = (np.repeat(each, size.repeats) for each in (hours, client, kind_of))
    count = len(hours)
    within = random.integers(0, 3_600_000_000, count)
    times = int(day.timestamp() * 1e6) + hours * 3_600_000_000 + within
    order = np.argsort(times)
    times, client, kind_of = times[order], client[order], kind_of[order]
    types = TYPES[kind_of]
    is_event, is_req = types == "EVENT", types == "REQ"
    outcome = OUTCOMES[random.choice(len(OUTCOMES), count, p=OUTCOME_SHARES)]
    outcome[types == "CLOSE"] = "ok"
    outcome[(outcome == "duplicate") & ~is_event] = "ok"
    code = np.full(count, None, dtype=object)
    wrong = np.isin(outcome, ["rejected", "failed"])
    code[wrong] = CODES[random.choice(len(CODES), int(wrong.sum()))]
    code[outcome == "unanswered"] = "unanswered"
    response = random.lognormal(3, 1, count)
    response[(types == "CLOSE") | (outcome == "unanswered")] = np.nan
    first_event = np.where(is_req & ~np.isnan(response), response / 2, np.nan)
    ids = np.zeros(count, dtype="V32")
    ids[is_event] = np.frombuffer(random.bytes(32 * int(is_event.sum())), dtype="V32")
    sizes = random.integers(50, 5000, (2, count))
    return EventColumns(
        timestamp=times,
        clients=dict(zip(names, range(len(names)), strict=True)),
        client=client,
        event_type=_coded(types, PLACE_OF_TYPE),
        outcome=_coded(outcome, PLACE_OF_OUTCOME),
        error_code=_coded(code, PLACE_OF_ERROR),
        response_time_ms=response,
        first_event_ms=first_event,
        integers={
            "bytes_in": sizes[0],
            "bytes_out": sizes[1],
            "payload_in": sizes[0] - 20,
            "payload_out": sizes[1] - 20,
            "events_out": np.where(is_req, random.integers(0, 50, count), 0),
            "connection": client,
        },
        kind=np.where(is_event, KINDS[random.choice(len(KINDS), count)], -1),
        event_id=ids,
        has_id=is_event,
        apps={},
        app=np.full(count, -1),
    )


def _coded(values: NDArray[Any], places: Mapping[Any, int]) -> NDArray[np.int64]:
    return np.array([places[value] for value in values.tolist()], dtype=np.int64)


def _minutes(connection: psycopg.Connection[Any], first: datetime, size: Size) -> None:
    """Connections of every minute, as the samples of its seconds would have given them."""
    connection.execute(
        """INSERT INTO connection_minute
           SELECT minute, 1, 60, 60 * n, n + 20, 30, 30, 150, 900, 400000, 900000, 20 + mod(n, 30), 40, 50
           FROM (SELECT minute, (500 + 300 * sin(extract(hour FROM minute) / 24 * 6.28))::bigint AS n
                 FROM generate_series(%s::timestamptz, %s, interval '1 minute') AS minute) minutes""",
        [first, first + size.days * DAY - timedelta(minutes=1)],
    )
    connection_hours.build(connection, (first + timedelta(hours=hour) for hour in range(24 * size.days)))
