"""Ranges of time and their buckets, in a reporting zone. Half-open inside, dates inclusive outside.

Weeks begin on Monday.
Days end where the zone says: a day of 23 or 25 hours is a day. Nothing here reads a clock: `now` is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.exceptions import BadParameterError

Granularity = Literal["hour", "day", "week", "month"]
GRANULARITIES: tuple[str, ...] = (*get_args(Granularity), "auto")

MAX_DAYS = 3 * 366
"""The longest range a report takes."""
FIRST_YEAR, LAST_YEAR = 1970, 2199
"""Years of a range: outside of them is a slip of the pen, and the calendar of the database or of Python may end."""
MAX_HOURS = 93 * 24
"""The most hourly buckets; longer ranges want days."""
AUTO: tuple[tuple[timedelta, Granularity], ...] = (
    (timedelta(days=3), "hour"),
    (timedelta(days=120), "day"),
    (timedelta(days=550), "week"),
)
"""Longest range → granularity that `auto` takes for it; anything longer goes by month."""


@dataclass(frozen=True)
class Period:
    """`[start, end)` as instants in UTC, the zone whose calendar buckets them, and the width of a bucket."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    granularity: Granularity

    @property
    def edges(self) -> list[datetime]:
        """The beginnings of all buckets and the end of the last one, as UTC instants: always at least two, ascending.

        The first bucket begins with the period and the last ends with it, also within a day, week or month.
        """
        inner = [edge for edge in _edges(self) if self.start < edge < self.end]
        return [self.start, *inner, self.end]

    @property
    def starts(self) -> list[datetime]:
        """The beginning of each bucket."""
        return self.edges[:-1]

    def previous(self) -> Period:
        """The period to compare with: as long by the calendar, the same weekdays, the nearest that ends by `start`."""
        return replace(self, start=self.before(self.start), end=self.before(self.end))

    def before(self, instant: datetime) -> datetime:
        """The same time on the clock, as long before `instant` as `previous` is before this period."""
        days = max(self._days(), 1)
        return _shifted(instant, timedelta(days=-(-days // 7) * 7), self.zone)

    def _days(self) -> int:
        """Days by the calendar, a begun one as one: where clocks jump at midnight, a day begins at 01:00."""
        first, last = _wall(self.start, self.zone), _wall(self.end, self.zone)
        if all(day_start(edge.date(), self.zone) == at for edge, at in ((first, self.start), (last, self.end))):
            return (last.date() - first.date()).days
        return -((first - last) // timedelta(days=1))

    def until(self, now: datetime) -> Period:
        """The part that has elapsed at `now`, at least one microsecond of it."""
        return replace(self, end=max(min(self.end, now.astimezone(UTC)), self.start + timedelta(microseconds=1)))


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of this name. Raises BadParameterError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadParameterError(
            f"time zone {name!r} is unknown; use an IANA name such as UTC or Europe/Berlin."
        ) from error


def resolve(
    start: str | date | datetime,
    end: str | date | datetime,
    *,
    zone: str = "UTC",
    granularity: str = "auto",
) -> Period:
    """A period from what a person gives. A date means that day in the zone, and as `end` includes it; an instant
    (`datetime`, or ISO 8601 text with a time) is taken as it is, in the zone when it names none.

    Raises BadParameterError when the zone or granularity is unknown, the end is not after the start, or it is too long.
    """
    where = zone_of(zone)
    if granularity not in GRANULARITIES:
        raise BadParameterError(f"granularity {granularity!r} is unknown; use one of {', '.join(GRANULARITIES)}.")
    first = _instant(start, where, "start", last=False)
    last = _instant(end, where, "end", last=True)
    if last <= first:
        raise BadParameterError(f"end ({end}) is not after start ({start}); swap them, or give a later end.")
    if last - first > timedelta(days=MAX_DAYS):
        raise BadParameterError(f"the range is longer than {MAX_DAYS} days; ask for several shorter ones.")
    width = _auto(last - first) if granularity == "auto" else cast("Granularity", granularity)
    if width == "hour" and last - first > timedelta(hours=MAX_HOURS):
        raise BadParameterError(f"by hour a range can have {MAX_HOURS // 24} days at most; use granularity day.")
    return Period(first, last, where, width)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` in `zone`, in UTC. Where the clocks jump at midnight, that is the jump."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def week_start(day: date) -> date:
    """The Monday of the week of `day`."""
    return day - timedelta(days=day.weekday())


def _auto(length: timedelta) -> Granularity:
    return next((width for limit, width in AUTO if length <= limit), "month")


def _instant(value: str | date | datetime, zone: ZoneInfo, name: str, *, last: bool) -> datetime:
    if isinstance(value, str):
        value = parsed(value, name)
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise BadParameterError(f"{name} is in the year {value.year}; it can be in {FIRST_YEAR} to {LAST_YEAR}.")
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    return day_start(value + timedelta(days=1) if last else value, zone)


def parsed(text: str, name: str) -> date | datetime:
    """A date `YYYY-MM-DD`, or an instant in ISO 8601. Raises BadParameterError, which calls it `name`."""
    try:
        return date.fromisoformat(text) if len(text) <= len("2024-01-01") else datetime.fromisoformat(text)
    except ValueError as error:
        raise BadParameterError(
            f"{name} {text!r} is no date; use YYYY-MM-DD, or an instant such as 2024-01-31T12:00:00+00:00."
        ) from error


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _shifted(instant: datetime, by: timedelta, zone: ZoneInfo) -> datetime:
    """The same time on the clock `by` earlier."""
    return (_wall(instant, zone) - by).replace(tzinfo=zone).astimezone(UTC)


def _edges(period: Period) -> Iterator[datetime]:
    """Bucket beginnings from before the period's start to after its end."""
    zone = period.zone
    day = period.start.astimezone(zone).date()
    if period.granularity == "week":
        day = week_start(day)
    elif period.granularity == "month":
        day = day.replace(day=1)
    begin = day_start(day, zone)
    while begin < period.end:
        day = _next(day, period.granularity)
        following = day_start(day, zone)
        if period.granularity == "hour":  # hours count from midnight, so a zone at +05:30 has them on its own clock
            while begin < following:
                yield begin
                begin += timedelta(hours=1)
        else:
            yield begin
        begin = following


def _next(day: date, granularity: Granularity) -> date:
    if granularity == "week":
        return day + timedelta(days=7)
    if granularity == "month":
        return (day + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=1)
