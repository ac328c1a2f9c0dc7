"""What reports over a range share: parameters → period and filters → steps of the roll-ups → what the result says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core import kept_hours
from core.exceptions import BadParameterError
from core.periods import GRANULARITIES, Period, resolve
from core.records import ERROR_CODES, EVENT_TYPES
from core.reports.declaration import Meta, Parameter
from core.reports.query import Read, Rows
from core.storage.database import Database
from core.storage.spans import steps
from core.zones import whole_hour_zone

Day = str | date | datetime
HOUR = timedelta(hours=1)
LAG_WARNING = timedelta(minutes=5)
REACHES_AHEAD = "The range reaches into the future: what comes is not counted yet."
REPORTING = timedelta(minutes=10)
"""A worker without samples for so long has ended."""

START = Parameter("start", "first day, in the time zone, or an instant; required")
END = Parameter("end", "last day, included, or the instant before which the range ends; required")
GRANULARITY = Parameter(
    "granularity", "width of a bucket; `auto` follows the length of the range", "auto", GRANULARITIES
)
TIME_ZONE = Parameter("time_zone", "IANA zone in which days, weeks and months begin", "UTC")
EVENT_TYPE = Parameter("event_type", "only messages of this verb", None, EVENT_TYPES)
KIND = Parameter("kind", "only EVENT messages of this Nostr kind, 0 to 65535")
CLIENT = Parameter("client", "only messages of the client of this client_id")
EDGES = attrgetter("edges")
ENDS = attrgetter("start", "end")
"""What is read of a period: every bucket apart, or only all of it together."""
RANGE = (START, END, GRANULARITY, TIME_ZONE)


@dataclass(frozen=True)
class Frame:
    """The period asked for, and the buckets that its numbers are read in."""

    period: Period
    time_zone: str
    notes: tuple[str, ...] = ()
    """What to say of it beside its numbers."""
    hours_from: datetime | None = None
    """Before it only days of UTC are kept of what is asked for; None: hours are kept of all of it."""

    @cached_property
    def edges(self) -> list[datetime]:
        return self.period.edges

    @property
    def count(self) -> int:
        return len(self.edges) - 1

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """For the queries: `edges` timestamptz[] (the first is the start, the last the end), `start`, `end`, and what
        the buckets are put together from (`core.storage.spans.Steps`)."""
        span = {"edges": self.edges, "start": self.period.start, "end": self.period.end}
        return span | steps(self.edges).parameters

    @property
    def index(self) -> pd.DatetimeIndex:
        """The beginning of each bucket, in the reporting zone."""
        return pd.DatetimeIndex(self.edges[:-1], tz="UTC").tz_convert(self.period.zone)

    @property
    def whole_days(self) -> bool:
        """Whether every bucket begins and ends with a UTC day, so that daily roll-ups answer exactly."""
        return all(edge.astimezone(UTC).hour == 0 and _whole_hour(edge) for edge in self.edges)

    def sums(self, rows: Rows, columns: int) -> npt.NDArray[np.int64]:
        """Sums per bucket of the last `columns` values of each row, whose first is the bucket's number; else zero."""
        sums = np.zeros((self.count, columns), dtype=np.int64)
        if rows:
            values = np.array([row[-columns:] for row in rows], dtype=np.int64)
            np.add.at(sums, np.array([row[0] for row in rows]), values)
        return sums


def frame(
    start: Day,
    end: Day,
    granularity: str,
    time_zone: str,
    hours_from: datetime | None = None,
    needed: Callable[[Period], Iterable[datetime]] = EDGES,
) -> Frame:
    """The buckets of a range. In a zone that is not whole hours from UTC they are those of the nearest zone that is,
    and where the hours of clients are gone those of UTC: history is kept by hours and days of UTC. The frame says so.

    `hours_from`: of what is kept by client, see `kept_hours_from`; `needed`: the edges of what is read of a period.

    Raises BadParameterError for what `core.periods.resolve` refuses, and for a start or end that splits such an hour;
    HoursGoneError for hours, or an edge within a day, where only days are kept.
    """
    period = resolve(start, end, zone=time_zone, granularity=granularity)
    near = whole_hour_zone(period.zone, period.start)
    notes: list[str] = []
    if near is not None:
        name, ahead = near
        notes.append(f"History is kept by the hour of UTC, so this is in {name}: {_begin(ahead, time_zone)}.")
        period, time_zone = resolve(start, end, zone=name, granularity=granularity), name
    check_whole_hours(period.edges, period.zone)
    if hours_from is not None and not kept_hours.told(needed(period), hours_from):
        if granularity == "auto" and period.granularity == "hour":
            period = replace(period, granularity="day")
        ahead = period.start.astimezone(period.zone).utcoffset() or timedelta(0)
        period = kept_hours.in_days(period, hours_from)
        kept_hours.check(needed(period), hours_from)
        if ahead:
            notes.append(
                f"Hours before {hours_from:%Y-%m-%d} are not kept any more, so this is in UTC: "
                f"{_begin(-ahead, time_zone)}."
            )
            time_zone = "UTC"
    return Frame(period, time_zone, tuple(notes), hours_from)


def _begin(ahead: timedelta, time_zone: str) -> str:
    """`ahead`: how far the clock that days go by is ahead of that of `time_zone`."""
    minutes = round(ahead.total_seconds() / 60)
    return f"days begin {abs(minutes)} minutes {'earlier' if minutes > 0 else 'later'} than in {time_zone}"


def kept_hours_from(read: Read) -> datetime | None:
    """From when on hours of clients are kept; None: all of them."""
    return read.mark(kept_hours.MARK)


def since_hours(asked: Frame, what: str) -> tuple[datetime, list[str]]:
    """Where the hours of the range begin, and what to say of `what`, made of them, when they begin later than it."""
    start = asked.period.start
    if asked.hours_from is None or start >= asked.hours_from:
        return start, []
    since = min(asked.hours_from, asked.period.end)
    return since, [f"Hours of clients are kept from {asked.hours_from:%Y-%m-%d} (UTC) on: {what} since then only."]


def check_whole_hours(edges: Iterable[datetime], zone: ZoneInfo) -> None:
    """Raises BadParameterError when one of the edges splits an hour of UTC."""
    uneven = next((edge for edge in edges if not _whole_hour(edge)), None)
    if uneven is not None:
        raise BadParameterError(
            f"{uneven.astimezone(zone).isoformat()} is not on a whole hour of UTC, by which history is kept; "
            "use a start and an end on one."
        )


def checked_event_type(event_type: str | None, known: Sequence[str] = EVENT_TYPES) -> str | None:
    """Raises BadParameterError for a verb there is not."""
    if event_type is not None and event_type not in known:
        raise BadParameterError(f"event_type {event_type!r} is unknown; use one of {', '.join(known)}.")
    return event_type


def checked_error_code(error_code: str | None) -> str | None:
    """Raises BadParameterError for a code there is not."""
    if error_code is not None and error_code not in ERROR_CODES:
        raise BadParameterError(f"error_code {error_code!r} is unknown; use one of {', '.join(ERROR_CODES)}.")
    return error_code


def checked_alone(kind: int | None, client: str | None, what: str) -> None:
    """Raises BadParameterError where both are given: `what` is kept by client and by kind, not by both."""
    if kind is not None and client is not None:
        raise BadParameterError(f"{what} of a client are not kept by kind; ask for a client or a kind, not both.")


def checked_count(name: str, value: int, most: int) -> int:
    """Raises BadParameterError for a number of rows below 1 or above `most`."""
    if not 1 <= value <= most:
        raise BadParameterError(f"{name} is {value}; it can be 1 to {most}.")
    return value


def checked_kind(kind: int | None, event_type: str | None) -> int | None:
    """Raises BadParameterError for a kind there is not, or with another verb than EVENT, which has none."""
    if kind is not None and not 0 <= kind <= 65535:
        raise BadParameterError(f"kind is {kind}; it can be 0 to 65535.")
    if kind is not None and event_type not in (None, "EVENT"):
        raise BadParameterError(f"only EVENT has a kind; leave out kind, or event_type {event_type}.")
    return kind


def meta(
    report: str,
    asked: Frame,
    database: Database,
    now: datetime,
    newest: Rows,
    *,
    error_bound: float | None = None,
    notes: Sequence[str] = (),
) -> Meta:
    """What the result says of itself. `newest`: the rows of the query `newest_sample`; `notes`: more to warn of."""
    zone = asked.period.zone
    complete_up_to: datetime | None = newest[0][0]
    return Meta(
        report=report,
        start=asked.period.start.astimezone(zone),
        end=asked.period.end.astimezone(zone),
        time_zone=asked.time_zone,
        generated_at=now,
        complete_up_to=complete_up_to.astimezone(zone) if complete_up_to else None,
        granularity=asked.period.granularity,
        exact=error_bound is None,
        error_bound=error_bound,
        demo=database.demo,
        warnings=(*_warnings(asked.period, complete_up_to, now), *asked.notes, *notes),
    )


def newest_query(now: datetime) -> tuple[str, Mapping[str, Any]]:
    return ("newest_sample", {"end": now, "since": now - REPORTING})


def ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """`part / whole`, NaN where there is no whole."""
    result = np.full(len(whole), np.nan)
    np.divide(part, whole, out=result, where=whole != 0)
    return result


def quotient(sums: npt.NDArray[Any], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """`sums / counts`, NaN where nothing was counted."""
    result = np.full(len(counts), np.nan)
    np.divide(sums, counts, out=result, where=counts != 0)
    return result


def instants(moments: Sequence[datetime], zone: ZoneInfo) -> pd.DatetimeIndex:
    """Instants in the reporting zone."""
    return pd.DatetimeIndex(pd.to_datetime(list(moments), utc=True)).as_unit("us").tz_convert(zone)


def _whole_hour(edge: datetime) -> bool:
    return edge.astimezone(UTC).replace(minute=0, second=0, microsecond=0) == edge


def _warnings(period: Period, complete_up_to: datetime | None, now: datetime) -> tuple[str, ...]:
    found = []
    if period.start >= now:
        found.append("The range lies in the future: there is nothing to count yet.")
    elif period.end > now:
        found.append(REACHES_AHEAD)
    if complete_up_to is not None and complete_up_to < min(period.end, now - LAG_WARNING):
        found.append(f"Nothing was sampled after {complete_up_to.astimezone(period.zone):%Y-%m-%d %H:%M:%S}.")
    return tuple(found)
