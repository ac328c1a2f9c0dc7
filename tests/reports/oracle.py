"""Random history of a relay, and questions about it: asked of the plain records, apart from the code they test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from core.records import Batch, Delivery, Event
from core.storage.database import Database
from core.storage.writer import BatchWriter

NOW = datetime(2026, 4, 10, 12, 30, tzinfo=UTC)
LATER = datetime(2026, 5, 10, tzinfo=UTC)
"""All of the history and of the ranges asked for has elapsed."""
FIRST = datetime(2026, 3, 20, tzinfo=UTC)
"""History lies around the night of 28 to 29 March 2026, when clocks go forward in Europe."""
DAYS = 14
FOLDS = [FIRST + timedelta(days=9, hours=5), LATER]
"""Moments of a fold: in the middle of the history, so that some of its days are built, and after it."""
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"]
CLIENTS = ["address:1", "address:2", "key:acme", "f" * 64]

examples = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.generate],  # an example costs a database round; shrinking would take minutes
)

examples_few = settings(examples, max_examples=3)


@st.composite
def events(draw: st.DrawFn) -> Event:
    outcome, code = draw(
        st.sampled_from(
            [("ok", None), ("ok", None), ("duplicate", None), ("rejected", "blocked"), ("rejected", "rate-limited"),
             ("failed", "error"), ("unanswered", "unanswered")]
        )
    )  # fmt: skip
    event_type = draw(st.sampled_from(["EVENT", "EVENT", "REQ", "COUNT", "CLOSE"]))
    # hours are drawn too, so that many events fall on the very edges of buckets
    offset = draw(st.integers(0, DAYS * 24)) * 3_600_000_000 + draw(st.sampled_from([0, 0, 1, 1_800_000_000, -1]))
    answered = outcome != "unanswered" and event_type != "CLOSE"
    return Event(
        int(FIRST.timestamp()) * 1_000_000 + offset,
        draw(st.sampled_from(CLIENTS)),
        event_type,
        outcome,
        code,
        response_time_ms=draw(st.floats(0.01, 20_000)) if answered else None,
        first_event_ms=draw(st.none() | st.floats(0.01, 20_000)) if event_type == "REQ" else None,
        bytes_in=draw(st.integers(0, 10**9)),
        bytes_out=draw(st.integers(0, 10**12)),
        payload_in=draw(st.integers(0, 10**9)),
        payload_out=draw(st.integers(0, 10**9)),
        events_out=draw(st.integers(0, 500)) if event_type == "REQ" else 0,
        kind=draw(st.none() | st.sampled_from([0, 1, 7, 30023])) if event_type == "EVENT" else None,
    )


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    offset = draw(st.integers(0, DAYS * 24)) * 3_600_000_000 + draw(st.sampled_from([0, 0, 1, 1_800_000_000, -1]))
    return Delivery(
        int(FIRST.timestamp()) * 1_000_000 + offset,
        draw(st.sampled_from(CLIENTS)),
        connection=1,
        events_out=draw(st.integers(0, 500)),
        bytes_in=draw(st.integers(0, 10**9)),
        bytes_out=draw(st.integers(0, 10**12)),
        payload_in=draw(st.integers(0, 10**9)),
        payload_out=draw(st.integers(0, 10**9)),
    )


HISTORY = st.lists(events(), max_size=60)
DELIVERIES = st.lists(deliveries(), max_size=20)
RANGES = st.tuples(st.integers(-2, DAYS), st.integers(0, DAYS)).map(
    lambda pair: (FIRST.date() + timedelta(days=pair[0]), FIRST.date() + timedelta(days=pair[0] + pair[1]))
)
WIDTHS = st.sampled_from(["hour", "day", "week", "month"])


def store(database: Database, history: Sequence[Event], sequence: int = 1, deliveries: Sequence[Delivery] = ()) -> None:
    with BatchWriter(database) as writer:
        writer.write([Batch("test", sequence, "relay.test", list(history), list(deliveries), [], [])])


def forget_built_days(database: Database) -> None:
    """As if no fold had ever built days of clients: for an emptied database."""
    with database.borrow() as connection:
        connection.execute("UPDATE settings_store SET value = '\"1999-01-01\"' WHERE name = 'client_days_built_before'")
        connection.execute(
            "DELETE FROM settings_store WHERE name IN ('client_packs_before', 'client_kind_packs_before')"
        )


def raw(history: Sequence[Event], zone: str) -> pd.DataFrame:
    """The records as they are, with their time on the clock of `zone`."""
    fields = Event.__struct_fields__
    frame = pd.DataFrame([{name: getattr(event, name) for name in fields} for event in history], columns=fields)
    frame["at"] = pd.to_datetime(frame["timestamp"].astype("int64"), unit="us", utc=True).dt.tz_convert(zone)
    frame["error"] = frame["error_code"].notna()
    frame["unanswered"] = frame["outcome"] == "unanswered"
    return frame


def carried(history: Sequence[Event], delivered: Sequence[Delivery], zone: str) -> pd.DataFrame:
    """The records with what was carried beside messages, as rows of the type DELIVERY."""
    beside = [
        Event(one.timestamp, one.client, "DELIVERY", "", bytes_in=one.bytes_in, bytes_out=one.bytes_out,
              payload_in=one.payload_in, payload_out=one.payload_out, events_out=one.events_out)
        for one in delivered
    ]  # fmt: skip
    return raw([*history, *beside], zone)


def of_days(frame: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """The records of the days `first` to `last`, both included, by the calendar of their own zone."""
    inside = [first <= at.date() <= last for at in frame["at"]]
    return frame.loc[inside]


def by_bucket(frame: pd.DataFrame, width: str, first: date) -> dict[Any, pd.DataFrame]:
    """The records of each bucket that has any."""
    named = frame.assign(bucket=pd.Series([bucket_label(at, width, first) for at in frame["at"]], frame.index, object))
    return dict(iter(named.groupby("bucket")))


def bucket_label(at: pd.Timestamp, width: str, first: date) -> Any:
    """What names the bucket: an hour as an instant, else its first day, cut at the first day of the range."""
    if width == "hour":
        return at.tz_convert("UTC").floor("h")
    day = at.date()
    if width == "week":
        day -= timedelta(days=day.weekday())
    if width == "month":
        day = day.replace(day=1)
    return max(day, first)


def labels(index: pd.Series, width: str) -> list[Any]:
    """The same names for the timestamps of a report."""
    return [at.tz_convert("UTC") if width == "hour" else at.date() for at in index]


def hours_of(first: date, last: date, zone: str) -> int:
    """Hours that pass on those days, DST included."""
    begin, end = (datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in (first, last + timedelta(days=1)))
    return round((end.astimezone(UTC) - begin.astimezone(UTC)).total_seconds() / 3600)
