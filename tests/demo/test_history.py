"""The invented history: plausible, repeatable, and ending where live traffic begins."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from statistics import median

import pytest

from core.metadata import allowed
from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Batch, Delivery, Event, decode_batch, encode_batch
from ingest.demo.days import history
from ingest.demo.rhythm import incidents

UNTIL = datetime(2026, 11, 24, 9, 20, 30, tzinfo=UTC)
DAYS = 30


def micro(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    return list(chain.from_iterable(history(UNTIL, days=DAYS, messages=60_000, clients=1500)))


@pytest.fixture(scope="module")
def events(batches: list[Batch]) -> list[Event]:
    return [event for batch in batches for event in batch.events]


def between(events: list[Event], start: datetime, end: datetime, verb: str = "EVENT") -> list[Event]:
    return [e for e in events if e.event_type == verb and micro(start) <= e.timestamp < micro(end)]


def test_it_ends_where_live_traffic_begins_and_starts_with_the_newest_day(batches: list[Batch]) -> None:
    days = [{datetime.fromtimestamp(each.sequence * 3600, UTC).date() for each in day} for day in history(
        UNTIL, days=3, messages=500, clients=50
    )]  # fmt: skip
    assert days == [{date(2026, 11, 24)}, {date(2026, 11, 23)}, {date(2026, 11, 22)}, {date(2026, 11, 21)}]
    for batch in batches:
        assert all(event.timestamp < micro(UNTIL) for event in batch.events)
        assert all(sample.timestamp < micro(UNTIL) for sample in batch.samples)
        assert all(delivery.timestamp <= micro(UNTIL) for delivery in batch.deliveries)
        assert all((each.opened_at or 0) <= each.closed_at <= micro(UNTIL) for each in batch.connections)


def test_a_repetition_carries_the_same_batches_under_the_same_sequences(batches: list[Batch]) -> None:
    again = list(chain.from_iterable(history(UNTIL, days=DAYS, messages=60_000, clients=1500)))
    assert again == batches
    keys = [(each.source, each.sequence) for each in batches]
    assert len(set(keys)) == len(keys)
    assert {source for source, _ in keys} == {"demo:history"}


def test_a_later_run_reuses_the_sequences_of_the_hours_it_has_in_common(batches: list[Batch]) -> None:
    later = chain.from_iterable(history(UNTIL + timedelta(hours=5), days=DAYS, messages=1000, clients=50))
    assert {each.sequence for each in later} - {each.sequence for each in batches} == {
        micro(UNTIL) // 3_600_000_000 + hours for hours in range(1, 6)
    }


def test_every_value_is_one_that_storage_knows(batches: list[Batch], events: list[Event]) -> None:
    assert {event.event_type for event in events} == set(EVENT_TYPES)
    assert {event.outcome for event in events} == {*OUTCOMES} - {"unknown"}
    assert {event.error_code for event in events} <= {None, *ERROR_CODES}
    assert all(0 <= event.kind <= 65535 for event in events if event.kind is not None)
    assert all(len(event.event_id) == 32 for event in events if event.event_id is not None)
    assert all(decode_batch(encode_batch(batch)) == batch for batch in batches[:3])


def test_wire_bytes_exceed_payload_bytes_by_the_frame_headers(events: list[Event]) -> None:
    for event in events:
        assert event.bytes_in > event.payload_in > 0
        assert (event.bytes_out > event.payload_out) == (event.payload_out > 0)


def test_what_was_not_answered_has_no_response_time(events: list[Event]) -> None:
    silent = {"unanswered", "cancelled", "abandoned"}
    for event in events:
        due = event.event_type not in {"CLOSE", "NEG-CLOSE", "OTHER"} and event.outcome not in silent
        assert (event.response_time_ms is not None) == due
        assert (event.error_code is None) == (event.outcome in {"ok", "duplicate", "cancelled", "abandoned"})


def test_a_connections_totals_are_its_events_and_deliveries(batches: list[Batch]) -> None:
    for batch in batches:
        sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        records: list[Event | Delivery] = [*batch.events, *batch.deliveries]
        for record in records:
            sums[record.connection][0] += record.bytes_in
            sums[record.connection][1] += record.bytes_out
        assert {each.connection: [each.bytes_in, each.bytes_out] for each in batch.connections} == sums


def test_evenings_are_busier_than_nights_and_the_relay_grows(events: list[Event]) -> None:
    hours = Counter(datetime.fromtimestamp(event.timestamp / 1e6, UTC).hour for event in events)
    assert hours[19] > 2 * hours[7]
    start = micro(UNTIL - timedelta(days=DAYS))
    weeks = Counter((event.timestamp - start) // (7 * 86_400_000_000) for event in events)
    assert weeks[3] > 1.3 * weeks[0]


def test_clients_return_less_and_less_but_some_always(events: list[Event]) -> None:
    days: dict[str, set[int]] = defaultdict(set)
    for event in events:
        days[event.client].add(event.timestamp // 86_400_000_000)
    first_week = micro(UNTIL - timedelta(days=DAYS)) // 86_400_000_000 + 7
    newcomers = [seen for seen in days.values() if first_week < min(seen) <= first_week + 7]
    next_days = sum(any(min(seen) < day <= min(seen) + 3 for day in seen) for seen in newcomers)
    weeks_later = sum(any(min(seen) + 10 < day <= min(seen) + 13 for day in seen) for seen in newcomers)
    assert len(newcomers) > next_days > weeks_later > 0


def test_the_busiest_hundredth_of_clients_sends_a_large_share(events: list[Event]) -> None:
    counts = sorted(Counter(event.client for event in events).values(), reverse=True)
    assert sum(counts[: len(counts) // 100]) > 0.25 * sum(counts)


def test_incidents_are_visible(events: list[Event]) -> None:
    _, spam, slow, silence, _ = incidents(UNTIL)
    wave = between(events, spam.start, spam.end)
    assert sum(event.outcome == "rejected" for event in wave) > 0.7 * len(wave)
    answers = sorted(e.response_time_ms for e in between(events, slow.start, slow.end, "REQ") if e.response_time_ms)
    assert answers[len(answers) // 2] > 100
    unheard = between(events, silence.start, silence.end)
    assert sum(event.outcome == "unanswered" for event in unheard) > 0.6 * len(unheard)


def test_another_seed_is_another_history() -> None:
    one, other = (list(history(UNTIL, days=1, messages=200, clients=50, seed=seed)) for seed in (1, 2))
    assert one != other


def test_queries_have_shapes_of_which_some_are_slower(events: list[Event]) -> None:
    asked = [event for event in events if event.event_type in ("REQ", "COUNT")]
    times = defaultdict(list)
    for event in asked:
        assert allowed(event.metadata or {}) == (event.metadata, True)
        if event.response_time_ms is not None:
            times[(event.metadata or {})["shape"]].append(event.response_time_ms)
    assert len(times) >= 6
    assert median(times["search limit≤50"]) > 5 * median(times["ids×≤5"])
    assert not any("shape" in (event.metadata or {}) for event in events if event.event_type not in ("REQ", "COUNT"))
