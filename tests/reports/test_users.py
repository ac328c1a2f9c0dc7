"""The user report against the same questions asked of the records themselves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import reports
from core.exceptions import BadParameterError
from core.records import Delivery, Event
from core.reports.cohorts import MAX_COHORTS
from core.reports.declaration import Result
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.reports import oracle
from tests.support.clearing import clear
from tests.support.records import batch

Clients = set[str]


def at(moment: str, client: str, event_type: str = "REQ") -> Event:
    """A message at an instant of UTC."""
    return Event(int(datetime.fromisoformat(moment + "+00:00").timestamp()) * 1_000_000, client, event_type, "ok")


def same(first: Result, second: Result) -> None:
    for name, frame in first.tables.items():
        pd.testing.assert_frame_equal(frame, second[name])


def days_of(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def firsts(records: pd.DataFrame) -> dict[str, pd.Timestamp]:
    """When each client sent its first message."""
    return dict(records.groupby("client")["at"].min())


def clients(records: pd.DataFrame) -> Clients:
    return set(records["client"])


def calendar(first: date, last: date, width: str, zone: str) -> list[Any]:
    """The names of all buckets of a range, in order."""
    if width == "hour":
        begin, end = (
            datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) for day in (first, last + timedelta(days=1))
        )
        return list(pd.date_range(begin.astimezone(UTC), end.astimezone(UTC), freq="h", inclusive="left"))
    moments = [pd.Timestamp(day, tz=zone) + pd.Timedelta(hours=12) for day in days_of(first, last)]
    return sorted({oracle.bucket_label(moment, width, first) for moment in moments})


def before_the_range(records: pd.DataFrame, first: date, width: str, zone: str) -> pd.DataFrame:
    """The records of the bucket, or the part of one, that ends where the range begins."""
    begin = pd.Timestamp(first, tz=zone)
    if width == "hour":
        return records[(records["at"] < begin) & (records["at"] >= begin - pd.Timedelta(hours=1))]
    last = first - timedelta(days=1)
    since = {"day": last, "week": last - timedelta(days=last.weekday()), "month": last.replace(day=1)}[width]
    return oracle.of_days(records, since, last)


@given(
    history=oracle.HISTORY,
    late=oracle.HISTORY,
    days=oracle.RANGES,
    width=oracle.WIDTHS,
    cohort=st.sampled_from([None, "day", "week", "month"]),
    zone=st.sampled_from(oracle.ZONES),
    of=st.sampled_from([{}, {}, {"event_type": "EVENT"}, {"event_type": "REQ"}, {"kind": 1}]),
)
@oracle.examples
def test_it_equals_a_recount_of_the_records(
    history: list[Event],
    late: list[Event],
    days: tuple[date, date],
    width: str,
    cohort: str | None,
    zone: str,
    of: dict[str, Any],
    database: Database,
) -> None:
    clear(database)
    asked = {
        "start": days[0], "end": days[1], "granularity": width, "time_zone": zone, "cohort": cohort, **of,
    }  # fmt: skip
    oracle.store(database, history)
    fold(database, oracle.NOW)
    oracle.store(database, late, sequence=2)
    waiting = reports.users(database, now=oracle.LATER, **asked)
    fold(database, oracle.LATER)
    result = reports.users(database, now=oracle.LATER, **asked)
    same(waiting, result)
    assert verify(database) == []

    records = oracle.raw([*history, *late], zone)
    for name, value in of.items():
        records = records[records[name] == value]
    first_of = firsts(records)
    inside = oracle.of_days(records, *days)
    buckets = calendar(*days, width, zone)
    expected = oracle.by_bucket(inside, width, days[0])
    timeline = result["timeline"]
    assert oracle.labels(timeline["timestamp"], width) == buckets
    last = clients(before_the_range(records, days[0], width, zone))
    known = clients(oracle.of_days(records, date.min, days[0] - timedelta(days=1)))
    known_before = set(known)
    for label, row in zip(buckets, timeline.to_dict("records"), strict=True):
        part = expected.get(label, inside.iloc[:0])
        active = clients(part)
        fresh = {client for client in active if first_of[client] in set(part["at"])}
        known |= active
        assert (row["clients"], row["new"], row["returning"]) == (len(active), len(fresh), len(active - fresh))
        assert (row["known"], row["lost"]) == (len(known), len(last - active))
        last = active

    [summary] = result["summary"].to_dict("records")
    everybody = clients(inside)
    assert (summary["clients"], summary["known_before"]) == (len(everybody), len(known_before))
    assert (summary["new"], summary["returning"]) == (len(everybody - known_before), len(everybody & known_before))
    growth = len(everybody - known_before) / len(known_before) if known_before else np.nan
    assert summary["growth"] == pytest.approx(growth, nan_ok=True)
    assert (summary["compared_clients"], summary["compared_new"]) == (summary["clients"], summary["new"])
    shift = timedelta(days=-(-((days[1] - days[0]).days + 1) // 7) * 7)
    previous = clients(oracle.of_days(records, days[0] - shift, days[1] - shift))
    earlier = clients(oracle.of_days(records, date.min, days[0] - shift - timedelta(days=1)))
    assert (summary["previous_clients"], summary["previous_new"]) == (len(previous), len(previous - earlier))

    cohort_width = cohort or ("day" if width == "hour" else width)
    members = oracle.by_bucket(inside, cohort_width, days[0])
    names = calendar(*days, cohort_width, zone)
    rows = []
    for place, name in enumerate(names):
        came = {client for client in clients(members.get(name, inside.iloc[:0])) if client not in known_before}
        known_before |= came
        for later, period in enumerate(names[place:]):
            stayed = came & clients(members.get(period, inside.iloc[:0]))
            rows.append((name, period, len(came), later, len(stayed), len(stayed) / len(came) if came else None))
    table = result["cohorts"]
    starts = (oracle.labels(table[column], cohort_width) for column in ("cohort", "timestamp"))
    share = [None if np.isnan(value) else value for value in table["share"]]
    found = zip(*starts, table["size"], table["period"], table["active"], share, strict=True)
    assert list(found) == rows


def test_new_lost_and_known_clients_of_days(database: Database) -> None:
    oracle.store(
        database,
        [
            *(at("2026-03-01T10:00", client) for client in "ab"),
            *(at("2026-03-02T10:00", client) for client in "bc"),
            *(at("2026-03-04T10:00", client) for client in "abcd"),
        ],
    )
    result = reports.users(database, now=oracle.NOW, start="2026-03-02", end="2026-03-04", granularity="day")
    columns = ["clients", "new", "returning", "known", "lost"]
    assert result["timeline"][columns].to_numpy().tolist() == [[2, 1, 1, 3, 1], [0, 0, 0, 3, 2], [4, 1, 3, 4, 0]]
    [summary] = result["summary"].to_dict("records")
    assert (summary["clients"], summary["new"], summary["known_before"], summary["growth"]) == (4, 2, 2, 1.0)
    cohorts = result["cohorts"]
    assert cohorts[cohorts["cohort"] == cohorts["cohort"][0]]["active"].tolist() == [1, 0, 1]
    assert cohorts["size"].tolist() == [1, 1, 1, 0, 0, 1]
    assert result.meta.exact


def test_a_running_day_compares_with_as_much_of_the_same_day_last_week(database: Database) -> None:
    oracle.store(
        database,
        [
            *(at("2026-04-03T11:59", client) for client in "ab"),
            at("2026-04-03T12:00", "c"),
            *(at("2026-04-10T11:59", client) for client in "abd"),
            at("2026-04-10T12:10", "e"),
        ],
    )
    asked = {"start": "2026-04-10", "end": "2026-04-11", "granularity": "day"}
    result = reports.users(database, now=oracle.NOW, **asked)
    [summary] = result["summary"].to_dict("records")
    assert (summary["clients"], summary["new"]) == (4, 2)
    assert (summary["compared_clients"], summary["compared_new"]) == (3, 1)
    assert (summary["previous_clients"], summary["previous_new"]) == (2, 2)
    assert (summary["change"], summary["change_new"]) == (0.5, -0.5)
    assert summary["previous_start"].isoformat() == "2026-04-03T00:00:00+00:00"
    assert summary["previous_end"].isoformat() == "2026-04-03T12:00:00+00:00"
    assert result["timeline"]["lost"].tolist() == [0, 0], "nobody is lost in a day that has not begun"
    assert result["cohorts"]["period"].tolist() == [0]
    assert "future" in result.meta.warnings[0]

    alone = reports.users(database, now=oracle.NOW, compare=False, **asked)
    assert alone["summary"].dtypes.to_dict() == result["summary"].dtypes.to_dict()
    assert alone["summary"].filter(regex="compared|previous|change").isna().all(axis=None)
    assert alone["summary"]["clients"].tolist() == [4]


def test_the_open_hour_counts_before_and_after_the_fold_and_late_rows_where_they_belong(database: Database) -> None:
    asked: dict[str, Any] = {"start": "2026-04-09", "end": "2026-04-10", "granularity": "day"}

    def timeline() -> list[list[int]]:
        result = reports.users(database, now=oracle.NOW, **asked)
        return result["timeline"][["clients", "new"]].to_numpy().tolist()

    oracle.store(database, [at("2026-04-10T12:20", "a")])
    assert timeline() == [[0, 0], [1, 1]]
    fold(database, oracle.NOW)
    assert timeline() == [[0, 0], [1, 1]]
    oracle.store(database, [at("2026-04-09T07:00", "a"), at("2026-04-10T12:21", "b")], sequence=2)
    assert timeline() == [[1, 1], [2, 1]]
    fold(database, oracle.NOW + timedelta(days=2))
    assert timeline() == [[1, 1], [2, 1]]


@pytest.mark.parametrize("zone", oracle.ZONES)
def test_days_without_a_whole_day_of_utc_and_days_of_23_hours_have_exact_edges(zone: str, database: Database) -> None:
    days = days_of(date(2026, 3, 7), date(2026, 4, 6))  # clocks change in all of these zones
    begins = [datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in days]
    history = [
        Event(int(moment.timestamp()) * 1_000_000 - shift, f"{name} {place}", "REQ", "ok")
        for place, moment in enumerate(begins)
        for name, shift in (("first", 0), ("last", 1))
    ]
    oracle.store(database, history)
    asked = {"start": days[0], "end": days[-2], "granularity": "day", "time_zone": zone}
    waiting = reports.users(database, now=oracle.LATER, **asked)
    fold(database, oracle.LATER)
    result = reports.users(database, now=oracle.LATER, **asked)
    same(waiting, result)
    assert result["timeline"]["clients"].tolist() == [2] * (len(days) - 1)
    assert result["summary"]["known_before"].tolist() == [1]
    later = reports.users(database, now=oracle.LATER, **asked | {"start": days[2], "compare": False})
    assert later["summary"]["known_before"].tolist() == [5]
    by_week = reports.users(database, now=oracle.LATER, **asked | {"granularity": "week"})["timeline"]
    assert by_week["clients"].tolist() == [4, 14, 14, 14, 14]


def test_clients_of_several_chunks(database: Database) -> None:
    for place, clients_of_day in enumerate((range(20_000), range(20_000, 40_000), range(40_000, 60_000))):
        oracle.store(database, [at(f"2026-04-0{place + 1}T05:00", f"client {n}") for n in clients_of_day], place + 1)
    fold(database, oracle.NOW)
    last = [0, *range(60_000, 70_000)]
    oracle.store(database, [at("2026-04-04T06:00", f"client {n}") for n in last], 4)
    oracle.store(database, [at("2026-04-05T00:00", "one more")], 5)
    assert database.read("SELECT max(client_no) AS last FROM clients")["last"].tolist() == [70_000]
    asked = {"start": "2026-04-01", "end": "2026-04-05", "granularity": "day", "time_zone": "Europe/Berlin"}
    waiting = reports.users(database, now=oracle.NOW, **asked)
    fold(database, oracle.NOW)
    result = reports.users(database, now=oracle.NOW, **asked)
    same(waiting, result)
    assert result["timeline"]["clients"].tolist() == [20_000, 20_000, 20_000, 10_001, 1]
    assert result["timeline"]["known"].tolist() == [20_000, 40_000, 60_000, 70_000, 70_001]
    assert result["summary"]["clients"].tolist() == [70_001]
    cohorts = result["cohorts"]
    assert cohorts[cohorts["timestamp"].dt.day == 4]["active"].tolist() == [1, 0, 0, 10_000]


def test_a_connection_without_messages_is_no_active_client(database: Database) -> None:
    with BatchWriter(database) as writer:
        silent = Delivery(at("2026-04-10T05:00", "").timestamp, "silent", 5, bytes_out=70)
        writer.write([batch([at("2026-04-10T05:00", "a")], deliveries=[silent])])
    for _ in range(2):
        result = reports.users(database, now=oracle.NOW, start="2026-04-10", end="2026-04-10")
        assert result["summary"]["clients"].tolist() == [1]
        fold(database, oracle.NOW)


def test_an_empty_database_gives_every_column_and_zeros_of_the_same_types(database: Database) -> None:
    asked = {"start": "2026-03-01", "end": "2026-03-07", "granularity": "day", "time_zone": "Europe/Berlin"}
    result = reports.users(database, now=oracle.NOW, **asked)
    for table in reports.users.tables:
        assert list(result[table.name].columns) == table.column_names
    assert result["timeline"]["clients"].tolist() == [0] * 7
    assert len(result["cohorts"]) == 28
    assert result["summary"][["clients", "new", "known_before", "previous_clients"]].eq(0).all(axis=None)
    assert result["cohorts"]["share"].isna().all()
    assert result.meta.complete_up_to is None
    oracle.store(database, [at("2026-03-02T10:00", "a")])
    filled = reports.users(database, now=oracle.NOW, **asked)
    for name, frame in filled.tables.items():
        assert frame.dtypes.to_dict() == result[name].dtypes.to_dict()
    assert filled["timeline"].dtypes.drop("timestamp").eq("int64").all()


def test_cohorts_widen_with_a_warning_where_there_would_be_too_many(database: Database) -> None:
    asked = {"start": "2025-01-01", "end": "2025-12-31", "granularity": "day"}
    result = reports.users(database, now=oracle.NOW, **asked)
    starts = result["cohorts"]["cohort"].drop_duplicates()
    assert len(starts) == 53
    assert {second - first for first, second in pairwise(starts.iloc[1:])} == {timedelta(days=7)}
    assert "Cohorts go by week: by day there would be 365" in result.meta.warnings[-1]
    result = reports.users(database, now=oracle.NOW, **asked, cohort="month")
    assert result["cohorts"]["cohort"].nunique() == 12
    assert not any("Cohorts" in warning for warning in result.meta.warnings)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"start": "2026-03-08"}, "swap them"),
        ({"granularity": "minute"}, "hour, day, week, month"),
        ({"event_type": "PUBLISH"}, "EVENT, REQ"),
        ({"cohort": "hour"}, "day, week, month"),
        ({"start": "2025-03-01", "cohort": "day"}, f"{MAX_COHORTS} at most"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_possible(
    wrong: dict[str, Any], says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        reports.users(database, now=oracle.NOW, **{"start": "2026-03-01", "end": "2026-03-07", **wrong})
