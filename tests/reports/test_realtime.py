"""The realtime report against the same questions asked of the records themselves."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.exceptions import BadParameterError
from core.records import Batch, Event, Sample
from core.reports import realtime
from core.reports.realtime import WINDOWS
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.writer import BatchWriter
from tests.support.clearing import clear

NOW = datetime(2026, 3, 29, 12, 0, 7, 250_000, tzinfo=UTC)


def micros(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)


def event(seconds_ago: float, event_type: str = "REQ", client: str = "addr:1", **fields: object) -> Event:
    values: dict[str, object] = {"outcome": "ok", "bytes_in": 10, "bytes_out": 100} | fields
    return Event(micros(NOW - timedelta(seconds=seconds_ago)), client, event_type, **values)  # type: ignore[arg-type]


def store(database: Database, *events: Event, samples: tuple[Sample, ...] = (), sequence: int = 1) -> None:
    with BatchWriter(database) as writer:
        writer.write([Batch("test", sequence, "relay.test", list(events), [], [], list(samples))])


def sample(seconds_ago: int, worker: int = 0, **fields: object) -> Sample:
    values: dict[str, object] = dict.fromkeys(
        ("active_connections", "peak_connections", "opened", "closed", "events", "frames_out", "bytes_in", "bytes_out"),
        0,
    )
    second = NOW.replace(microsecond=0) - timedelta(seconds=seconds_ago)
    return Sample(micros(second), worker, **(values | fields))  # type: ignore[arg-type]


EVENTS = st.lists(
    st.builds(
        event,
        seconds_ago=st.floats(0.001, 1000),
        event_type=st.sampled_from(["EVENT", "REQ", "COUNT", "CLOSE", "NEG-OPEN"]),
        client=st.sampled_from(["addr:1", "addr:2", "f" * 64]),
        response_time_ms=st.none() | st.floats(0.01, 5000),
        outcome=st.sampled_from(["ok", "duplicate", "rejected", "unanswered"]),
        error_code=st.sampled_from([None, None, "blocked", "rate-limited"]),
        bytes_out=st.integers(0, 10**10),
    ),
    max_size=60,
)


@pytest.mark.parametrize("window", WINDOWS)
@given(events=EVENTS)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.generate],  # an example costs a database round; shrinking would take minutes
)
def test_it_equals_a_recount_of_the_records(window: int, events: list[Event], database: Database) -> None:
    clear(database)
    store(database, *events)
    before_fold = realtime(database, now=NOW, window=window)
    fold(database, NOW)
    result = realtime(database, now=NOW, window=window)
    for name, frame in before_fold.tables.items():
        assert frame.equals(result[name]), name

    step = WINDOWS[window][0]
    end = NOW.timestamp() // step * step
    inside = [e for e in events if end - window <= e.timestamp // 1_000_000 < end]
    by_type = Counter(e.event_type for e in inside)
    assert dict(zip(result["event_types"]["event_type"], result["event_types"]["events"], strict=True)) == by_type
    assert result["event_types"]["bytes"].sum() == sum(e.bytes_in + e.bytes_out for e in inside)
    timeline = result["timeline"]
    assert round(timeline["events_per_second"].sum() * step) == len(inside)
    assert len(timeline) == len(by_type) * window // step
    assert len(result["connections"]) == window // step
    assert result["connections"]["unanswered"].sum() == sum(e.outcome == "unanswered" for e in inside)
    summary = result["summary"].iloc[0]
    assert summary["events_today"] == len(events)
    assert summary["errors_today"] == sum(e.error_code is not None for e in events)
    assert summary["unique_clients_today"] == len({e.client for e in events})
    wrong = sorted((e for e in events if e.error_code), key=lambda e: -e.timestamp)[:50]
    assert [t.value // 1000 for t in result["latest_errors"]["timestamp"]] == [e.timestamp for e in wrong]


@pytest.mark.parametrize("count", [1, 2, 3, 100, 1000])
def test_percentiles_are_within_their_stated_bound(count: int, database: Database) -> None:
    times = [1.7 ** (index % 17) + index / 7 for index in range(count)]
    store(database, *(event(20, response_time_ms=time) for time in times))
    result = realtime(database, now=NOW, window=60)
    bound = result.meta.error_bound
    assert bound is not None
    summary = result["summary"].iloc[0]
    for fraction, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        exact = sorted(times)[max(math.ceil(fraction * count - 1e-9), 1) - 1]
        assert summary[f"response_time_{name}_ms"] == pytest.approx(exact, rel=bound * 1.01)
    answered = result["latency"].dropna()
    assert len(answered) == 1
    assert answered["p95"].iloc[0] == summary["response_time_p95_ms"]


def test_today_begins_where_the_reporting_zone_says(database: Database) -> None:
    kathmandu_midnight = datetime(2026, 3, 28, 18, 15, tzinfo=UTC)  # UTC+05:45: not on a UTC hour
    store(
        database,
        event((NOW - kathmandu_midnight).total_seconds() + 1, client="yesterday"),
        event((NOW - kathmandu_midnight).total_seconds() - 1, client="today"),
        event((NOW - kathmandu_midnight).total_seconds() - 3000, client="an hour later"),
    )
    summary = realtime(database, now=NOW, time_zone="Asia/Kathmandu")["summary"].iloc[0]
    assert (summary["events_today"], summary["unique_clients_today"]) == (2, 2)
    fold(database, NOW)
    # of those who come now, two are merged already: one of the hour within which the day begins, one of a later hour
    again = [((NOW - kathmandu_midnight).total_seconds() - 2, client) for client in ("today", "first")]
    again += [((NOW - kathmandu_midnight).total_seconds() - 3001, client) for client in ("today", "an hour later")]
    store(database, *(event(ago, client=client) for ago, client in again), sequence=2)
    for _ in range(2):
        summary = realtime(database, now=NOW, time_zone="Asia/Kathmandu")["summary"].iloc[0]
        assert (summary["events_today"], summary["unique_clients_today"]) == (6, 3)
        fold(database, NOW)
    summary = realtime(database, now=NOW, time_zone="UTC")["summary"].iloc[0]
    assert summary["events_today"] == 0
    berlin = realtime(database, now=NOW, time_zone="Europe/Berlin")  # the clocks went forward that night
    assert berlin["summary"].iloc[0]["events_today"] == 0
    assert berlin.meta.end.utcoffset() == timedelta(hours=2)


def test_live_numbers_sum_the_workers(database: Database) -> None:
    samples = [
        sample(ago, worker, active_connections=10 + worker, peak_connections=12, events=5, bytes_in=100, pending=1)
        for ago in range(1, 71)
        for worker in (0, 1)
    ]
    store(database, samples=tuple(samples))
    result = realtime(database, now=NOW, window=60)
    summary = result["summary"].iloc[0]
    assert summary["active_connections"] == 21
    assert summary["peak_connections"] == 24
    assert summary["events_per_second"] == 10
    assert summary["previous_bytes_in_per_second"] == 200
    assert summary["pending"] == 2
    assert result.meta.complete_up_to == NOW.replace(microsecond=0)
    assert result.meta.warnings == ()


def test_the_peak_of_today_survives_the_fold_of_its_minute(database: Database) -> None:
    store(database, samples=(sample(7200, peak_connections=99, active_connections=1), sample(2, peak_connections=5)))
    assert realtime(database, now=NOW)["summary"].iloc[0]["peak_connections"] == 99
    fold(database, NOW)
    assert realtime(database, now=NOW)["summary"].iloc[0]["peak_connections"] == 99


def test_data_that_lags_is_said(database: Database) -> None:
    store(database, samples=(sample(90, active_connections=3),))
    result = realtime(database, now=NOW)
    assert "89 s" in result.meta.warnings[0]
    assert math.isnan(result["summary"].iloc[0]["active_connections"])


def test_latest_errors_say_what_the_relay_said(database: Database) -> None:
    reason = {"reason": "blocked: not on the list"}
    store(database, event(3, "EVENT", outcome="rejected", error_code="blocked", kind=1, metadata=reason), event(2))
    (row,) = realtime(database, now=NOW)["latest_errors"].to_dict("records")
    assert (row["error_code"], row["outcome"], row["reason"], row["kind"], row["relay"]) == (
        "blocked",
        "rejected",
        "blocked: not on the list",
        1,
        "relay.test",
    )


def test_an_empty_database_gives_every_column(database: Database) -> None:
    result = realtime(database, now=NOW)
    for table in realtime.tables:
        assert list(result[table.name].columns) == table.column_names
    assert result.meta.complete_up_to is None


def test_another_window_is_refused_with_what_is_possible(database: Database) -> None:
    with pytest.raises(BadParameterError, match="60, 300, 900"):
        realtime(database, now=NOW, window=1)
