"""Times of a whole column are those that each would be alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.storage.cleaning import EARLIEST, LATEST
from ingest.collector.records import Instant
from ingest.collector.times import microseconds

ARRIVAL = 1_780_000_000_000_000

digits = st.integers(0, 99).map(lambda number: f"{number:02d}")
DAY = 86_400_000_000
sensible = st.integers(EARLIEST - DAY, LATEST + DAY).map(
    lambda micros: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
)
zoned = st.datetimes(timezones=st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
))  # fmt: skip
written = st.one_of(
    sensible.map(datetime.isoformat),
    sensible.map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
    sensible.map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")),
    zoned.map(datetime.isoformat),
    st.builds("20{}-{}-{}T{}:{}:{}.{}Z".format, *[digits] * 7),  # days and hours that do not exist
    st.builds("2026-01-31{}12:00:00{}{}".format, st.sampled_from("T t_"), st.sampled_from(["", ".", ".1", ".12345678"]),
              st.sampled_from(["Z", "z", "", "+00:00", "-00:00", "+01:00", "+0000"])),
)  # fmt: skip


def alone(instant: str) -> int | None:
    """Microseconds, as a record's time is read where each is looked at; None when it is refused."""
    try:
        read = msgspec.convert(instant, Instant)
    except msgspec.ValidationError:
        return None
    assert isinstance(read, datetime)
    at = int(read.timestamp() * 1e6 + 0.5)
    return at if EARLIEST <= at < LATEST else None


def together(instants: list[str]) -> list[int] | None:
    try:
        found: list[int] = microseconds(instants, ARRIVAL).tolist()
    except ValueError:
        return None
    return found


@given(st.lists(written, min_size=1, max_size=3))
def test_a_column_of_texts_is_read_as_each_of_them(instants: list[str]) -> None:
    expected = [alone(instant) for instant in instants]
    assert together(instants) == (None if None in expected else expected)


@pytest.mark.parametrize(
    "instants",
    [
        ["2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00+01:00"],
        ["2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.123456Z"],
        ["2026-01-31T12:00:00Z", None, 1_769_860_800.25],
        [None, None],
    ],
)
def test_times_of_one_batch_may_be_written_in_several_forms(instants: list[str | float | None]) -> None:
    assert microseconds(instants, ARRIVAL).tolist() == [
        alone(each) if isinstance(each, str) else ARRIVAL if each is None else int(each * 1e6) for each in instants
    ]
