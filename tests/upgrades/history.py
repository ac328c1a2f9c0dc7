"""The traffic of a release's fixture, always the same, and the questions that every version must answer alike."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core import billing
from core.accounts import tokens, users
from core.records import Batch, Connection, Counts, Delivery, Event, Sample
from core.reports import REPORTS
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.writer import BatchWriter
from core.tariffs import read_tariff

FIRST = datetime(2026, 3, 28, tzinfo=UTC)
DAYS = 4
NOW = FIRST + timedelta(days=DAYS)
CLIENTS = ("a" * 64, "key:acme", "address:1", "address:2")
RANGE = {"start": "2026-03-28", "end": "2026-03-31", "time_zone": "Europe/Berlin"}
"""A weekend on which clocks change there."""
TARIFF = '{"currency": "EUR", "per_gb_out": "0.05", "per_million_events": "2.00", "monthly_fee": "5.00"}'


def fill(database: Database) -> None:
    """Three days folded, built and billed, a fourth that still lies in deltas; users and a token."""
    batches = [day(number) for number in range(DAYS)]
    with BatchWriter(database) as writer:
        writer.write(batches[:-1])
        fold(database, NOW - timedelta(days=1))
        writer.write(batches[-1:])
    users.add(database, "ada", "a long password", FIRST, role="admin")
    tokens.issue(database, "ada", FIRST, lifetime=None)
    billing.close(
        database, NOW, tariff=read_tariff(TARIFF), month=None, start="2026-03-28", end="2026-03-29", time_zone="UTC"
    )


def day(number: int) -> Batch:
    """What a tap says of one day."""
    choose = random.Random(number)
    start = FIRST + timedelta(days=number)
    events = [_event(choose, micros(start + timedelta(seconds=choose.randrange(86_400)))) for _ in range(120)]
    at = micros(start + timedelta(hours=9))
    return Batch(
        "tap:relay:0:fixture", number + 1, "relay.example", events,
        [Delivery(at, client, 1, 5, 60, 900, 40, 850) for client in CLIENTS],
        [Connection(100 * number + n, client, "pubkey", at, at + 60_000_000 * (n + 1), 1000, "Damus", 900, 4000, 30)
         for n, client in enumerate(CLIENTS)],
        [Sample(at + second * 1_000_000, 0, 4, 5, 1, 0, 3, 20, 600, 9000, cpu_percent=12.5, memory_percent=40.0)
         for second in range(60)],
        made_at=at, counts=Counts(0, micros(FIRST), {"event": 120 * (number + 1)}),
    )  # fmt: skip


def _event(choose: random.Random, at: int) -> Event:
    client = choose.choice(CLIENTS)
    verb = choose.choice(("EVENT", "REQ", "REQ", "COUNT", "CLOSE"))
    kind = choose.choice((0, 1, 7, 30023)) if verb == "EVENT" else None
    if choose.random() < 0.1:
        return Event(at, client, verb, "rejected", "rate-limited", 1.5, kind=kind, metadata={"reason": "slow down"})
    return Event(
        at, client, verb, "ok", None, choose.lognormvariate(3, 1), kind=kind, bytes_in=choose.randrange(50, 900),
        bytes_out=choose.randrange(50, 9000), payload_in=40, payload_out=4000, app="Damus", connection=1,
        event_id=choose.randbytes(32) if verb == "EVENT" else None,
    )  # fmt: skip


def answers(database: Database, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Every table of every report over that time, as lists of rows that JSON can hold."""
    found: dict[str, Any] = {}
    for name, report in REPORTS.items():
        if names is not None and name not in names:
            continue
        takes = {parameter.name for parameter in report.parameters}
        given: dict[str, Any] = {key: value for key, value in RANGE.items() if key in takes}
        if name == "client":
            given["client"] = CLIENTS[0]
        if name == "ingest":
            given["spools"] = None
        for table, frame in report(database, now=NOW, **given).tables.items():
            found[f"{name} {table}"] = frame.to_json(orient="records", date_format="iso", double_precision=10)
    return found


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
