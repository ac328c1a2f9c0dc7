"""Retention: what goes is what was announced, reports stay right, and what is held stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core import audit, forgetting, reports
from core.audit import Actor
from core.exceptions import BadParameterError, ClientHeldError, NotHeldError, UnknownClientError, UnknownPolicyError
from core.records import Connection, Delivery
from core.retention import applying, holds, policies
from core.settings import Settings
from core.storage import partitions
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event, micros, sample

ANN = Actor("ann", "command")
SETTINGS = Settings(_env_file=None, raw_retention_days=10)
DAYS = 20
NOW = NOON + timedelta(days=DAYS, minutes=5)
SPAN = {"start": NOON.date(), "end": NOW.date(), "now": NOW, "compare": False}


@pytest.fixture
def filled(any_database: Database) -> Database:
    """Twenty days: each has an event of three clients in each of four hours, with deliveries, connections, samples."""
    partitions.ensure(any_database, NOON, before=1, after=DAYS + 2)
    with BatchWriter(any_database) as writer:
        for day in range(DAYS):
            at = NOON + timedelta(days=day)
            events = [
                event(at + timedelta(hours=hour, minutes=7 * number), client, bytes_in=100 + day + number)
                for hour in range(4)
                for number, client in enumerate(("alice", "bob", "carol"))
            ]
            deliveries = [Delivery(micros(at), client, 1, bytes_out=50) for client in ("alice", "bob")]
            ended = [Connection(day, "alice", "address", micros(at), micros(at) + 5_000_000)]
            seen = [sample(at, active_connections=day + 1, peak_connections=day + 1, opened=1)]
            writer.write([batch(events, sequence=day + 1, deliveries=deliveries, connections=ended, samples=seen)])
    fold(any_database, NOW)
    return any_database


def count(database: Database, table: str, where: str = "true") -> int:
    return int(database.read(f"SELECT count(*) AS n FROM {table} WHERE {where}")["n"].iloc[0])


def test_a_dry_run_says_what_then_goes_and_sums_outlive_it(filled: Database) -> None:
    before = {name: reports.REPORTS[name](filled, **SPAN) for name in ("traffic", "bandwidth")}
    announced = applying.plan(filled, SETTINGS, NOW)
    assert count(filled, "traffic_events_raw") == DAYS * 12  # a dry run takes nothing
    applying.apply(filled, SETTINGS, NOW)
    gone = DAYS * 12 - count(filled, "traffic_events_raw")
    assert gone == sum(part.rows for part in announced if part.table == "traffic_events_raw") == 10 * 12
    assert {part.policy for part in announced} == {"raw", "samples"}
    assert all(part.bytes > 0 for part in announced)
    assert applying.plan(filled, SETTINGS, NOW) == []
    for name, result in before.items():
        after = reports.REPORTS[name](filled, **SPAN)
        assert after.meta.warnings == result.meta.warnings
        for table in result.tables:
            assert after[table].equals(result[table]), (name, table)
    assert verify(filled) == []


def test_without_minutes_hours_stay_exact_and_peak_minutes_say_since_when(filled: Database) -> None:
    policies.keep(filled, ANN, "minutes", 5, NOW)
    before = reports.bandwidth(filled, **SPAN)
    applying.apply(filled, SETTINGS, NOW)
    kept_from = (NOW - timedelta(days=5)).replace(hour=0, minute=0)
    assert count(filled, "traffic_minute", f"bucket < '{kept_from.isoformat()}'") == 0
    after = reports.bandwidth(filled, **SPAN)
    for table in ("summary", "timeline", "event_types", "peak_hours", "clients"):
        assert after[table].equals(before[table]), table
    assert min(after["peak_minutes"]["timestamp"]) >= kept_from
    assert any(f"kept from {kept_from:%Y-%m-%d %H:%M} on" in warning for warning in after.meta.warnings)
    recent = reports.bandwidth(filled, **SPAN | {"start": kept_from.date()})
    assert not any("kept from" in warning for warning in recent.meta.warnings)
    connections = reports.connections(filled, start=NOON.date(), end=NOON.date(), now=NOW)
    assert connections["summary"]["peak_connections"].iloc[0] == 1
    assert connections["summary"]["peak_at"].isna().all()
    assert any("kept from" in warning for warning in connections.meta.warnings)
    assert verify(filled) == []


def test_a_late_row_of_an_hour_whose_minutes_are_gone_is_added(filled: Database) -> None:
    policies.keep(filled, ANN, "minutes", 5, NOW)
    applying.apply(filled, SETTINGS, NOW)
    with BatchWriter(filled) as writer:
        writer.write([batch([event(NOON, "dave", bytes_in=7)], sequence=99, samples=[sample(NOON)])])
    fold(filled, NOW)
    day = {"start": NOON.date(), "end": NOON.date(), "now": NOW}
    assert reports.traffic(filled, compare=False, **day)["timeline"]["events"].sum() == 13
    assert max(reports.bandwidth(filled, compare=False, **day)["peak_hours"]["bytes_in"]) == 3 * 100 + 3 + 7
    assert reports.connections(filled, **day)["summary"]["opened"].iloc[0] == 1
    applying.apply(filled, SETTINGS, NOW)
    fold(filled, NOW)
    assert max(reports.bandwidth(filled, compare=False, **day)["peak_hours"]["bytes_in"]) == 310
    assert verify(filled) == []


def test_raw_rows_of_a_held_client_stay_until_it_is_released(filled: Database) -> None:
    holds.place(filled, ANN, "alice", "court order 12/34", NOW)
    held = sum(part.held for part in applying.plan(filled, SETTINGS, NOW))
    applying.apply(filled, SETTINGS, NOW)
    assert count(filled, "traffic_events_raw") == 10 * 12
    assert count(filled, "held_events") == 10 * 4
    assert count(filled, "held_deliveries") == count(filled, "held_connections") == 10
    (hold,) = holds.listing(filled)
    assert (hold.client_id, hold.why, hold.rows) == ("alice", "court order 12/34", held) == ("alice", hold.why, 60)
    with BatchWriter(filled) as writer:  # late, of a day that went: it is kept too
        writer.write([batch([event(NOON, "alice"), event(NOON, "bob")], sequence=99)])
    applying.apply(filled, SETTINGS, NOW)
    assert count(filled, "held_events") == 41
    with pytest.raises(ClientHeldError):
        forgetting.rename(filled, "alice", NOW, include_bills=True)
    holds.release(filled, Actor("ben", "page"), "alice", NOW)
    applying.apply(filled, SETTINGS, NOW)
    assert count(filled, "held_events") == count(filled, "held_connections") == 0
    assert [(entry.actor, entry.action) for entry in audit.entries(filled, action="hold.")] == [
        ("ben", "hold.release"),
        ("ann", "hold.place"),
    ]
    assert verify(filled) == []


def test_a_hold_ends_by_itself_on_record(filled: Database) -> None:
    holds.place(filled, ANN, "bob", "audit", NOW, until=NOW + timedelta(days=1))
    applying.apply(filled, SETTINGS, NOW)
    assert count(filled, "held_events") == 40
    applying.apply(filled, SETTINGS, NOW + timedelta(days=1))
    assert holds.listing(filled) == []
    assert count(filled, "held_events") == 0
    assert next(iter(audit.entries(filled, action="hold."))).action == "hold.end"


def test_who_cannot_be_held(database: Database) -> None:
    with pytest.raises(UnknownClientError):
        holds.place(database, ANN, "nobody", "x", NOW)
    with pytest.raises(BadParameterError):
        holds.place(database, ANN, "nobody", "  ", NOW)
    with pytest.raises(NotHeldError):
        holds.release(database, ANN, "nobody", NOW)


def test_a_policy_is_changed_on_record_within_its_limits(database: Database) -> None:
    def days(name: str) -> int | None:
        return next(one.days for one in policies.policies(database, SETTINGS) if one.name == name)

    assert (days("raw"), days("samples"), days("minutes")) == (10, 10, None)
    policies.keep(database, ANN, "raw", 3, NOW)
    policies.keep(database, ANN, "samples", None, NOW)
    assert (days("raw"), days("samples")) == (3, None)
    policies.keep_default(database, ANN, "raw", NOW)
    assert days("raw") == 10
    with pytest.raises(BadParameterError, match="2 to"):
        policies.keep(database, ANN, "minutes", 1, NOW)
    with pytest.raises(UnknownPolicyError):
        policies.keep(database, ANN, "everything", 1, NOW)
    assert [(entry.action, entry.details) for entry in audit.entries(database, action="retention.")] == [
        ("retention.default", {"policy": "raw"}),
        ("retention.keep", {"policy": "samples", "days": None}),
        ("retention.keep", {"policy": "raw", "days": 3}),
    ]


def test_old_entries_of_the_audit_log_go_when_a_policy_says_so(database: Database) -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    audit.record(database, ANN, "export.events", old)
    applying.apply(database, SETTINGS, NOW)
    assert count(database, "audit_log", "action = 'export.events'") == 1  # for ever by default
    policies.keep(database, ANN, "audit", 365, NOW)
    (part,) = [part for part in applying.plan(database, SETTINGS, NOW) if part.policy == "audit"]
    assert (part.rows, part.bytes > 0) == (1, True)
    applying.apply(database, SETTINGS, NOW)
    assert count(database, "audit_log", "action = 'export.events'") == 0


def test_held_rows_have_the_columns_of_raw_rows(database: Database) -> None:
    for raw, held in partitions.HELD.items():
        columns = [list(database.read(f"SELECT * FROM {table} LIMIT 0").columns) for table in (raw, held)]
        assert columns[0] == columns[1]
