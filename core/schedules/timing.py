"""When a schedule is due, and which days it then covers. Times are on the clock of the schedule's zone.

Where clocks jump forward, what was due in the missing hour is due at its end; where they go back, what was due in the
repeated hour is due the first time (cronsim does as Debian's cron does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from core.exceptions import BadParameterError
from core.periods import MAX_DAYS, week_start

LAST_DAYS = re.compile(r"last-([1-9]\d{0,3})-days")
COVERS = ("yesterday", "last-week", "last-month", "last-N-days")
"""What a schedule can cover, as of the day on which it is due. Weeks begin on Monday."""


@dataclass(frozen=True)
class Days:
    """The days of a report, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def checked_cron(expression: str) -> str:
    """Five fields, in one form. Raises BadParameterError when it cannot be read or never comes."""
    wanted = " ".join(expression.split())
    try:
        next(_times(wanted, datetime(2024, 1, 1, tzinfo=UTC), ZoneInfo("UTC")))
    except (CronSimError, ValueError) as error:
        raise BadParameterError(
            f"{expression!r} is no cron expression of five fields, such as `0 6 1 * *` (06:00 on the first of a month)."
        ) from error
    except StopIteration as error:
        raise BadParameterError(f"{expression!r} never comes.") from error
    if len(wanted.split()) != 5:
        raise BadParameterError(f"{expression!r} has not five fields: minute, hour, day, month, weekday.")
    return wanted


def checked_covers(covers: str) -> str:
    """Raises BadParameterError for what is none of COVERS."""
    found = LAST_DAYS.fullmatch(covers)
    if covers not in COVERS[:3] and (found is None or int(found[1]) > MAX_DAYS):
        raise BadParameterError(f"{covers!r} is none of {', '.join(COVERS)} (such as last-30-days).")
    return covers


def in_words(expression: str) -> str:
    """`At 06:00 on the first day of every month`."""
    return str(CronSim(expression, datetime(2024, 1, 1)).explain())  # noqa: DTZ001 (no time matters here)


def next_due(expression: str, zone: ZoneInfo, after: datetime) -> datetime:
    """The first time it is due after an instant, in UTC."""
    return next(_times(expression, after, zone))


def due_between(expression: str, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """The times at which it is due after `after` and up to `until`, included, in UTC."""
    for moment in _times(expression, after, zone):
        if moment > until:
            return
        yield moment


def _times(expression: str, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    for moment in CronSim(expression, after.astimezone(zone)):
        found = moment.astimezone(UTC)
        if found > after:
            yield found


def days_covered(covers: str, due_at: datetime, zone: ZoneInfo) -> Days:
    """The days that a report covers which is due at this instant: whole days, up to the day before."""
    today = due_at.astimezone(zone).date()
    yesterday = today - timedelta(days=1)
    if covers == "last-week":
        monday = week_start(today)
        return Days(monday - timedelta(days=7), monday - timedelta(days=1))
    if covers == "last-month":
        end = today.replace(day=1) - timedelta(days=1)
        return Days(end.replace(day=1), end)
    found = LAST_DAYS.fullmatch(covers)
    return Days(today - timedelta(days=int(found[1])), yesterday) if found else Days(yesterday, yesterday)
