"""The connections report against the same questions asked of the samples and connections themselves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import reports
from core.exceptions import BadParameterError
from core.records import Batch, Connection, Sample
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.reports import oracle
from tests.support.clearing import clear

RELAYS = ["relay.one", "relay.two"]
Of = list[tuple[str, Any]]  # (relay, record)


@st.composite
def samples(draw: st.DrawFn) -> tuple[str, Sample]:
    at = int(oracle.FIRST.timestamp()) + draw(st.integers(0, oracle.DAYS * 24)) * 3600 + draw(st.integers(-3, 70))
    active, peak, opened, closed, sent = (draw(st.integers(0, 500)) for _ in range(5))
    host = draw(st.none() | st.integers(0, 100))
    sample = Sample(at * 1_000_000, draw(st.integers(0, 1)), active, peak, opened, closed, sent, 0, 0, 0)
    if host is not None:
        sample.cpu_percent, sample.memory_percent, sample.disk_percent = float(host), host / 2, host / 4
    return draw(st.sampled_from(RELAYS)), sample


@st.composite
def ended(draw: st.DrawFn) -> tuple[str, Connection]:
    at = int(oracle.FIRST.timestamp() + draw(st.integers(0, oracle.DAYS * 24)) * 3600) * 1_000_000
    lasted = draw(st.sampled_from([0, 1_000]) | st.integers(0, 3 * 86_400_000_000))
    return draw(st.sampled_from(RELAYS)), Connection(draw(st.integers(1, 9)), "address:1", "address", at - lasted, at)


def unique(found: Of) -> Of:
    """A worker samples each second once."""
    return list({(relay, one.timestamp, one.worker): (relay, one) for relay, one in found}.values())


HISTORY = st.tuples(st.lists(samples(), max_size=60).map(unique), st.lists(ended(), max_size=30))


def store(database: Database, sampled: Of, closed: Of) -> None:
    with BatchWriter(database) as writer:
        for number, relay in enumerate(RELAYS):
            of = [[record for name, record in found if name == relay] for found in (sampled, closed)]
            if any(of):
                writer.write([Batch(f"test:{relay}", number + 1, relay, [], [], of[1], of[0])])


def minutes_of(sampled: Of) -> dict[datetime, dict[str, Any]]:
    """What is known of each minute: relays summed, seconds as of the relay that was sampled longest."""
    seconds: dict[tuple[datetime, str], dict[int, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for relay, one in sampled:
        at = datetime.fromtimestamp(one.timestamp // 1_000_000, UTC)
        seconds[at.replace(second=0), relay][at.second].append(one)
    minutes: dict[datetime, dict[str, Any]] = {}
    for (minute, _), of_relay in seconds.items():
        known = minutes.setdefault(
            minute,
            {"seconds": 0, "active": 0, "peak": 0, "opened": 0, "closed": 0, "events": 0, "cpu": None, "disk": None},
        )
        every = [one for of_second in of_relay.values() for one in of_second]
        known["seconds"] = max(known["seconds"], len(of_relay))
        known["active"] += sum(one.active_connections for one in every)
        known["peak"] += max(sum(one.peak_connections for one in of_second) for of_second in of_relay.values())
        for name in ("opened", "closed", "events"):
            known[name] += sum(getattr(one, name) for one in every)
        hosts = [[one.cpu_percent for one in second if one.cpu_percent is not None] for second in of_relay.values()]
        figures = [max(found) for found in hosts if found]
        if figures:
            known["cpu"] = max(known["cpu"] or 0, sum(figures) / len(figures))
            known["disk"] = max(known["disk"] or 0, max(figures) / 4)
    return minutes


def same(found: Any, wanted: float | None, tolerance: float = 1e-5) -> bool:
    return bool(pd.isna(found)) if wanted is None else found == pytest.approx(wanted, rel=tolerance, abs=tolerance)


def agrees(row: dict[Any, Any], minutes: Sequence[dict[str, Any]]) -> None:
    seconds = sum(minute["seconds"] for minute in minutes)
    assert row["sampled_seconds"] == seconds
    assert same(row["active_connections"], sum(m["active"] for m in minutes) / seconds if minutes else None)
    assert same(row["peak_connections"], max(m["peak"] for m in minutes) if minutes else None)
    assert (row["opened"], row["closed"]) == (sum(m["opened"] for m in minutes), sum(m["closed"] for m in minutes))
    cpus = [minute["cpu"] for minute in minutes if minute["cpu"] is not None]
    assert same(row["cpu_percent"], sum(cpus) / len(cpus) if cpus else None)
    assert same(row["cpu_percent_max"], max(cpus) if cpus else None)
    assert same(row["memory_percent"], sum(cpus) / len(cpus) / 2 if cpus else None)
    assert same(row["memory_percent_max"], max(cpus) / 2 if cpus else None)
    disks = [minute["disk"] for minute in minutes if minute["disk"] is not None]
    assert same(row["disk_percent_max"], max(disks) if disks else None)


def agrees_on_sessions(row: dict[Any, Any], lengths: Sequence[float]) -> None:
    """`lengths` in seconds."""
    ordered = sorted(lengths)
    assert row["sessions"] == len(ordered)
    if not ordered:
        assert all(math.isnan(row[name]) for name in ("mean_seconds", "p50_seconds", "p95_seconds"))
        return
    assert row["mean_seconds"] == pytest.approx(sum(ordered) / len(ordered), abs=0.001)
    for percent in (50, 95):
        exact = ordered[-(-percent * len(ordered) // 100) - 1]
        assert row[f"p{percent}_seconds"] == pytest.approx(exact, rel=0.0076, abs=0.0006)


@given(
    history=HISTORY, days=oracle.RANGES, width=oracle.WIDTHS, zone=st.sampled_from(oracle.ZONES),
    relay=st.sampled_from([None, None, RELAYS[0]]),
)  # fmt: skip
@oracle.examples
def test_it_equals_a_recount_of_the_samples(
    history: tuple[Of, Of], days: tuple[date, date], width: str, zone: str, relay: str | None, database: Database
) -> None:
    clear(database)
    store(database, *history)
    asked: dict[str, Any] = {"start": days[0], "end": days[1], "granularity": width, "time_zone": zone, "relay": relay}
    before_fold = reports.connections(database, now=oracle.LATER, **asked)
    fold(database, oracle.LATER)
    result = reports.connections(database, now=oracle.LATER, **asked)
    for name, frame in before_fold.tables.items():
        pd.testing.assert_frame_equal(frame, result[name])

    sampled, closed = ([one for one in found if relay in (None, one[0])] for found in history)
    frame = pd.DataFrame({"minute": minutes_of(sampled)}, dtype=object).reset_index(names="at")
    frame["at"] = pd.to_datetime(frame["at"], utc=True).dt.tz_convert(zone)
    inside = oracle.of_days(frame, *days)
    expected = oracle.by_bucket(inside, width, days[0])
    timeline = result["timeline"]
    buckets = oracle.labels(timeline["timestamp"], width)
    assert set(expected) <= set(buckets)
    for label, row in zip(buckets, timeline.to_dict("records"), strict=True):
        agrees(row, list(expected[label]["minute"]) if label in expected else [])
    summary = result["summary"].to_dict("records")[0]
    agrees(summary, list(inside["minute"]))
    for at, measure in (("peak_at", "peak"), ("busiest_at", "events")):
        ranked = sorted(zip([-m[measure] for m in inside["minute"]], inside["at"], strict=True))
        assert (summary[at] == ranked[0][1]) if ranked else pd.isna(summary[at])
        if measure == "events":
            assert same(summary["busiest_events"], -ranked[0][0] if ranked else None)

    ends = pd.DataFrame(
        [(one.closed_at, round((one.closed_at - one.opened_at) / 1000) / 1000) for _, one in closed],
        columns=["timestamp", "seconds"],
    )
    ends["at"] = pd.to_datetime(ends["timestamp"].astype("int64"), unit="us", utc=True).dt.tz_convert(zone)
    ends = oracle.of_days(ends, *days)
    expected = oracle.by_bucket(ends, width, days[0])
    for label, row in zip(buckets, result["sessions_over_time"].to_dict("records"), strict=True):
        agrees_on_sessions(row, list(expected[label]["seconds"]) if label in expected else [])
    agrees_on_sessions(summary, list(ends["seconds"]))
    for row in result["session_lengths"].to_dict("records"):
        upper = math.inf if math.isnan(row["to_seconds"]) else row["to_seconds"]
        surely = sum(row["from_seconds"] * 1.008 <= s < upper * 0.992 for s in ends["seconds"])
        perhaps = sum(row["from_seconds"] * 0.992 <= s < upper * 1.008 for s in ends["seconds"])
        assert surely <= row["sessions"] <= perhaps
    assert result["session_lengths"]["sessions"].sum() == len(ends)


def test_a_minute_that_is_counted_again_is_counted_once(database: Database) -> None:
    """A late sample makes its minute due again; until the fold it is read from its samples, not from both."""
    second = int(oracle.FIRST.timestamp()) * 1_000_000
    with BatchWriter(database) as writer:
        writer.write([Batch("test", 1, "relay.one", [], [], [], [Sample(second, 0, 10, 12, 1, 1, 1, 0, 0, 0)])])
        fold(database, oracle.NOW)
        writer.write([Batch("test", 2, "relay.one", [], [], [], [Sample(second + 10**6, 0, 20, 20, 2, 0, 1, 0, 0, 0)])])
    row = reports.connections(database, now=oracle.NOW, start=oracle.FIRST, end=oracle.FIRST + timedelta(hours=1)).frame
    assert row[["active_connections", "peak_connections", "opened", "closed"]].values.tolist() == [[15.0, 20, 3, 1]]


def test_an_hour_with_due_minutes_is_read_from_its_minutes(database: Database) -> None:
    """Of two relays: the most at once is the most of a sum, before the fold and after, also where an hour is half
    counted and where a late sample lands in an hour that was counted."""

    def at(minutes: float, active: int) -> Sample:
        moment = int(oracle.FIRST.timestamp() + 60 * minutes) * 1_000_000
        return Sample(moment, 0, active, active, 1, 0, active, 0, 0, 0, cpu_percent=float(active))

    def measured() -> list[list[Any]]:
        end = oracle.FIRST + timedelta(hours=2)
        result = reports.connections(database, now=oracle.NOW, start=oracle.FIRST, end=end)
        names = ["peak_connections", "peak_at", "busiest_events", "busiest_at", "opened", "cpu_percent"]
        [row] = result["summary"][names].values.tolist()
        return [result.frame["peak_connections"].dropna().tolist(), row]

    def minute(number: int) -> pd.Timestamp:
        return pd.Timestamp(oracle.FIRST + timedelta(minutes=number))

    one, two = RELAYS
    with BatchWriter(database) as writer:
        writer.write([Batch("one", 1, one, [], [], [], [at(1, 50), at(61, 10)])])
        writer.write([Batch("two", 1, two, [], [], [], [at(2, 40)])])
        expected = [[50, 10], [50, minute(1), 50, minute(1), 3, pytest.approx(100 / 3)]]
        assert measured() == expected
        fold(database, oracle.FIRST + timedelta(minutes=3))
        assert measured() == expected, "minute 61 is still due"
        fold(database, oracle.NOW)
        assert measured() == expected
        writer.write([Batch("two", 2, two, [], [], [], [at(61, 70)])])
        late = [[50, 80], [80, minute(61), 80, minute(61), 4, pytest.approx((50 + 40 + 70) / 3)]]
        assert measured() == late
        fold(database, oracle.NOW)
        assert measured() == late
    assert verify(database) == []


def test_a_due_minute_whose_samples_are_gone_stays_as_counted(database: Database) -> None:
    second = int(oracle.FIRST.timestamp()) * 1_000_000
    with BatchWriter(database) as writer:
        writer.write([Batch("test", 1, "relay.one", [], [], [], [Sample(second, 0, 10, 12, 1, 1, 1, 0, 0, 0)])])
    fold(database, oracle.NOW)
    with database.borrow() as connection:
        connection.execute("DELETE FROM connection_metrics_raw")
        connection.execute("INSERT INTO connection_minute_due SELECT bucket FROM connection_minute")
    result = reports.connections(database, now=oracle.NOW, start=oracle.FIRST, end=oracle.FIRST + timedelta(hours=1))
    assert result.frame["peak_connections"].tolist() == [12]


def test_an_empty_database_gives_every_column_and_empty_buckets(database: Database) -> None:
    result = reports.connections(database, now=oracle.NOW, start="2026-03-01", end="2026-03-07", granularity="day")
    for table in reports.connections.tables:
        assert list(result[table.name].columns) == table.column_names
    assert result.frame["opened"].tolist() == [0] * 7
    assert result.frame["active_connections"].isna().all()
    assert result.frame["peak_connections"].isna().all()
    assert result["session_lengths"]["sessions"].tolist() == [0] * 7
    store(database, [(RELAYS[0], Sample(int(oracle.FIRST.timestamp()) * 1_000_000, 0, 1, 1, 1, 1, 1, 0, 0, 0))], [])
    filled = reports.connections(database, now=oracle.NOW, start=oracle.FIRST.date(), end=oracle.FIRST.date())
    for table in reports.connections.tables:
        assert filled[table.name].dtypes.astype(str).to_dict() == result[table.name].dtypes.astype(str).to_dict()


@pytest.mark.parametrize(("name", "value", "says"), [("granularity", "minute", "hour, day"), ("end", "x", "YYYY")])
def test_a_wrong_parameter_is_refused_with_what_is_possible(
    name: str, value: str, says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        reports.connections(database, now=oracle.NOW, **{"start": "2026-03-01", "end": "2026-03-07", name: value})
