"""Hours of clients go: whole days stay as they were, and a report says where days of a zone became those of UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import billing, reports
from core.audit import Actor
from core.exceptions import HoursGoneError
from core.kept_hours import in_days, told
from core.periods import resolve
from core.records import Connection, Delivery, Event
from core.retention import applying, hours, policies
from core.settings import Settings
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.reports import oracle
from tests.reports.everything import every_table
from tests.reports.oracle import CLIENTS, FIRST, LATER
from tests.support.clearing import clear
from tests.support.records import batch, event, micros

ANN = Actor("ann", "command")
SETTINGS = Settings(_env_file=None, raw_retention_days=1)
KEPT_FROM = datetime(2026, 3, 30, tzinfo=UTC)
"""In the middle of the history, the day after clocks went forward in Europe."""
NOW = KEPT_FROM + timedelta(days=64, hours=2)
BERLIN = "Europe/Berlin"


def let_go(database: Database, now: datetime = NOW) -> None:
    policies.keep(database, ANN, "hours", 64, now)
    applying.apply(database, SETTINGS, now)


def fill(database: Database, history: list[Event], delivered: list[Delivery]) -> None:
    """As a database without hours would have been before they went: the raw rows are gone."""
    clear(database)
    oracle.forget_built_days(database)
    with database.borrow() as connection:
        connection.execute("DELETE FROM settings_store WHERE name LIKE '%_from'")
    at = micros(FIRST + timedelta(days=3))
    ended = [Connection(place, client, "address", at, at + 5_000_000) for place, client in enumerate(CLIENTS)]
    with BatchWriter(database) as writer:
        writer.write([batch(history, sequence=1, deliveries=delivered, connections=ended)])
    fold(database, oracle.FOLDS[0])
    fold(database, NOW)
    applying.apply(database, SETTINGS, NOW)


def tables(database: Database, first: date, last: date, **asked: Any) -> dict[str, pd.DataFrame]:
    """Of every report, but for what single hours or raw rows show, and bills."""
    asked = {"granularity": "day", "compare": False, "start": first, "end": last} | asked
    found = every_table(database, CLIENTS, leave_out=[reports.billing, reports.ingest], **asked)
    others = ("peak_hours", "pattern", "latest_errors")
    return {
        name: table.drop(columns="active_hours", errors="ignore")
        for name, table in found.items()
        if not name.endswith(others)
    }


def same(found: dict[str, pd.DataFrame], wanted: dict[str, pd.DataFrame]) -> None:
    assert found.keys() == wanted.keys()
    for name, table in wanted.items():
        pd.testing.assert_frame_equal(found[name], table, obj=name)


@given(
    history=oracle.HISTORY,
    delivered=oracle.DELIVERIES,
    late=st.lists(oracle.events(), max_size=10),
    days=oracle.RANGES,
    width=st.sampled_from(["day", "week", "month"]),
    of=st.sampled_from([{}, {"event_type": "EVENT"}, {"kind": 1}]),
)
@oracle.examples_few
def test_days_are_what_they_were_and_late_rows_are_added(
    history: list[Event], delivered: list[Delivery], late: list[Event], days: tuple[date, date], width: str,
    of: dict[str, Any], any_database: Database,
) -> None:  # fmt: skip
    database = any_database
    history = [*history, *(event(FIRST, client) for client in CLIENTS)]
    fill(database, history, delivered)
    asked: dict[str, Any] = {"granularity": width}
    wanted = tables(database, *days, **asked)
    kinds = reports.clients(database, start=days[0], end=days[1], now=LATER, **of)
    let_go(database)
    same(tables(database, *days, **asked), wanted)
    again = reports.clients(database, start=days[0], end=days[1], now=LATER, **of)
    pd.testing.assert_frame_equal(again.frame, kinds.frame)
    assert verify(database) == []

    oracle.store(database, late, sequence=2)
    unfolded = tables(database, *days, **asked)
    fold(database, NOW)
    folded = tables(database, *days, **asked)
    same(unfolded, folded)
    let_go(database, NOW + timedelta(days=1))
    same(tables(database, *days, **asked), folded)
    records = oracle.of_days(oracle.raw([*history, *late], "UTC"), *days)
    for place, client in enumerate(CLIENTS):
        parts = oracle.by_bucket(records[records["client"] == client], width, days[0])
        timeline = folded[f"client client {place} timeline"]
        counted = [len(parts.get(label, ())) for label in oracle.labels(timeline["timestamp"], width)]
        assert timeline["events"].tolist() == counted
    assert verify(database) == []


@pytest.fixture
def filled(database: Database) -> Database:
    """An event of two clients in each third hour of 16 days."""
    moments = [FIRST + timedelta(hours=3 * number) for number in range(8 * 16)]
    sent = {"event_type": "EVENT", "kind": 1, "response_time_ms": 5.0}
    history = [event(at, client, **sent) for at in moments for client in CLIENTS[:2]]
    refused = [event(at, CLIENTS[0], outcome="rejected", error_code="blocked") for at in moments[::5]]
    fill(database, [*history, *refused], [Delivery(micros(at), CLIENTS[0], 1, bytes_out=50) for at in moments[::4]])
    return database


def test_what_a_dry_run_says_is_what_goes(filled: Database) -> None:
    policies.keep(filled, ANN, "hours", 64, NOW)
    parts = applying.plan(filled, SETTINGS, NOW)
    assert {part.table for part in parts} == set(hours.TABLES) - {"client_session_hour"}  # one session a day
    assert all(part.rows > 0 < part.bytes and part.policy == "hours" for part in parts)
    gone = applying.apply(filled, SETTINGS, NOW)
    assert gone["hours"] == sum(part.rows for part in parts)
    assert applying.plan(filled, SETTINGS, NOW) == []
    assert applying.apply(filled, SETTINGS, NOW)["hours"] == 0
    left = filled.read("SELECT min(bucket) AS first FROM client_hour")["first"].iloc[0]
    assert left == KEPT_FROM
    seen = filled.read("SELECT max(last_seen) AS at FROM clients_seen")["at"].iloc[0]
    assert seen == FIRST + timedelta(hours=3 * (8 * 16 - 1))


def test_days_of_another_zone_become_days_of_utc_of_the_same_dates_and_the_report_says_so(filled: Database) -> None:
    first, last = FIRST.date(), KEPT_FROM.date() + timedelta(days=2)
    in_utc = {name: reports.REPORTS[name](filled, start=first, end=last, now=LATER) for name in ("users", "clients")}
    in_utc["client"] = reports.client(filled, client=CLIENTS[0], start=first, end=last, now=LATER)
    asked = {"start": first, "end": last, "now": LATER, "time_zone": BERLIN}
    traffic = reports.traffic(filled, **asked)
    let_go(filled)
    for name, wanted in in_utc.items():
        more = {"client": CLIENTS[0]} if name == "client" else {}
        found = reports.REPORTS[name](filled, **asked, **more)
        assert found.meta.time_zone == "UTC"
        assert "so this is in UTC: days begin 60 minutes later than in Europe/Berlin" in " ".join(found.meta.warnings)
        pd.testing.assert_frame_equal(found.frame, wanted.frame.assign(**_hours_left(found.frame)))
    whole = reports.traffic(filled, **asked)
    assert whole.meta.warnings == traffic.meta.warnings
    same(dict(whole.tables), dict(traffic.tables))  # hours of the whole relay stay


def _hours_left(frame: pd.DataFrame) -> dict[str, Any]:
    return {"active_hours": frame["active_hours"]} if "active_hours" in frame else {}


def test_where_hours_are_kept_nothing_changes(filled: Database) -> None:
    first, last = KEPT_FROM.date() + timedelta(days=2), KEPT_FROM.date() + timedelta(days=4)
    for width in ("hour", "day"):
        asked = {"granularity": width, "time_zone": BERLIN}
        wanted = tables(filled, first, last, **asked)
        let_go(filled)
        same(tables(filled, first, last, **asked), wanted)
    assert reports.users(filled, start=first, end=last, now=LATER, compare=False).meta.warnings == ()


def test_by_the_hour_old_days_are_refused_with_what_to_ask_instead(filled: Database) -> None:
    let_go(filled)
    asked: dict[str, Any] = {"client": CLIENTS[0], "end": KEPT_FROM.date(), "now": LATER}
    with pytest.raises(HoursGoneError, match=r"Before 2026-03-30 only days of UTC are kept.*granularity day"):
        reports.client(filled, start=KEPT_FROM.date() - timedelta(days=1), granularity="hour", **asked)
    with pytest.raises(HoursGoneError):  # a part of a day
        reports.client(filled, start=KEPT_FROM - timedelta(hours=6), granularity="day", **asked)
    assert len(reports.client(filled, start=KEPT_FROM, granularity="hour", **asked)["timeline"]) == 24
    by_itself = reports.client(filled, start=KEPT_FROM.date() - timedelta(days=1), **asked)
    assert by_itself.meta.granularity == "day"
    # of the whole relay hours are kept; only the clients beside them need whole days
    day = {"start": FIRST.date(), "end": FIRST.date(), "now": LATER, "granularity": "hour", "compare": False}
    assert len(reports.bandwidth(filled, **day)["timeline"]) == 24


def test_what_hours_show_begins_where_they_are_kept_and_says_so(filled: Database) -> None:
    let_go(filled)
    span = {"client": CLIENTS[0], "start": FIRST.date(), "end": LATER.date(), "now": LATER}
    client, bandwidth = reports.client(filled, **span), reports.bandwidth(filled, **span)
    left = len([at for at in range(8 * 16) if FIRST + timedelta(hours=3 * at) >= KEPT_FROM])
    assert client["summary"]["active_hours"].iloc[0] == client["pattern"]["active_hours"].sum() == left
    assert min(bandwidth["peak_hours"]["timestamp"]) >= KEPT_FROM
    for result in (client, bandwidth):
        assert any("Hours of clients are kept from 2026-03-30" in warning for warning in result.meta.warnings)


def test_a_period_before_without_hours_is_compared_by_whole_days(filled: Database) -> None:
    let_go(filled)
    now = KEPT_FROM + timedelta(days=4, hours=9)
    asked = {"start": KEPT_FROM.date() + timedelta(days=1), "end": now.date(), "now": now, "time_zone": BERLIN}
    result = reports.client(filled, client=CLIENTS[1], **asked)
    row = result["comparison"].set_index("measure").loc["events"]
    assert (row["current"], row["previous"]) == (3 * 8, 3 * 8)
    assert (row["previous_start"], row["previous_end"]) == (
        KEPT_FROM - timedelta(days=6),
        KEPT_FROM - timedelta(days=3),
    )
    assert any("compared by whole days" in warning for warning in result.meta.warnings)
    users = reports.users(filled, **asked)
    assert users["summary"]["previous_clients"].iloc[0] == 2
    assert users["summary"]["new"].iloc[0] == 0


def test_bills_are_of_whole_days_of_utc_or_refused(filled: Database) -> None:
    march = {"month": "2026-03", "now": LATER, "tariff": None}
    wanted = reports.billing(filled, **march)
    billing.close(filled, LATER, month="2026-03", time_zone=BERLIN, tariff=None)
    let_go(filled)
    for client in (None, CLIENTS[0]):
        after = reports.billing(filled, **march, client=client).frame
        before = wanted.frame if client is None else wanted.frame[wanted.frame["client_id"] == client]
        pd.testing.assert_frame_equal(after, before.reset_index(drop=True))
    with pytest.raises(HoursGoneError):
        billing.adjust(filled, LATER, month="2026-03", time_zone=BERLIN)
    with pytest.raises(HoursGoneError):
        reports.billing(filled, month="2026-02", now=LATER, time_zone=BERLIN, tariff=None)
    closed = reports.billing(filled, **march, time_zone=BERLIN)
    assert len(closed.frame) == 2
    assert any("cannot be told" in warning for warning in closed.meta.warnings)


def test_hours_stay_as_long_as_raw_rows(database: Database) -> None:
    def days(raw: int | None) -> int | None:
        policies.keep(database, ANN, "raw", raw, NOW)
        return next(one.days for one in policies.policies(database, SETTINGS) if one.name == "hours")

    assert days(90) is None  # for ever by default
    policies.keep(database, ANN, "hours", 64, NOW)
    assert [days(90), days(30), days(None)] == [90, 64, None]


@given(
    first=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    length=st.integers(0, 60),
    zone=st.sampled_from([*oracle.ZONES, "America/Santiago"]),
    width=st.sampled_from(["day", "week", "month"]),
)
def test_days_of_a_zone_become_those_of_utc_with_the_same_dates(
    first: date, length: int, zone: str, width: str
) -> None:
    asked = resolve(first, first + timedelta(days=length), zone=zone, granularity=width)
    changed = in_days(asked, LATER + timedelta(days=900))
    assert told(changed.edges, LATER + timedelta(days=900))
    assert [edge.astimezone(ZoneInfo(zone)).date() for edge in asked.edges] == [edge.date() for edge in changed.edges]
