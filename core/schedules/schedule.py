"""A schedule: which report, of which days, when, in which form, and where to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from core.exceptions import BadParameterError
from core.periods import zone_of
from core.reports import REPORTS
from core.reports.declaration import Report, Result
from core.schedules.timing import Days, checked_covers, checked_cron, next_due
from core.storage.database import Database

Format = Literal["csv", "json", "xlsx", "html", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)
RANGE = ("start", "end", "month", "time_zone")
"""Parameters of reports that the schedule itself gives."""
LONGEST_NAME, LONGEST_TEXT = 100, 200


def schedulable() -> dict[str, Report]:
    """The reports over a range of days."""
    return {
        name: report
        for name, report in REPORTS.items()
        if {"start", "end"} <= {parameter.name for parameter in report.parameters}
    }


@dataclass(frozen=True)
class Plan:
    """What someone asks for. `filters`: arguments of the report but for its range."""

    name: str
    report: str
    cron: str
    covers: str
    file_format: Format
    channel: str
    time_zone: str = "UTC"
    filters: Mapping[str, Any] = field(default_factory=dict)
    skip_empty: bool = False

    def checked(self) -> Plan:
        """In the form that is stored. Raises BadParameterError for the first value that cannot be used."""
        name = " ".join(self.name.split())
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise BadParameterError(f"The name of a schedule has 1 to {LONGEST_NAME} printable characters.")
        report = schedulable().get(self.report)
        if report is None:
            raise BadParameterError(f"{self.report!r} cannot be scheduled; use one of {', '.join(schedulable())}.")
        if self.file_format not in FORMATS:
            raise BadParameterError(f"{self.file_format!r} is no format; use one of {', '.join(FORMATS)}.")
        zone_of(self.time_zone)
        texts = (self.channel, *(value for value in self.filters.values() if isinstance(value, str)))
        if not all(text.isprintable() and len(text) <= LONGEST_TEXT for text in texts):
            raise BadParameterError(f"Channel and filters have at most {LONGEST_TEXT} printable characters.")
        taken = [parameter.name for parameter in report.parameters if parameter.name not in RANGE]
        unknown = [name for name in self.filters if name not in taken]
        if unknown:
            raise BadParameterError(
                f"The report {report.name} has no filter {unknown[0]!r}; it has {', '.join(taken)}."
            )
        filters = {key: value for key, value in self.filters.items() if value is not None}
        return Plan(
            name, self.report, checked_cron(self.cron), checked_covers(self.covers), self.file_format, self.channel,
            self.time_zone, filters, self.skip_empty,
        )  # fmt: skip


@dataclass(frozen=True)
class Schedule:
    """A stored plan. `owner`: the user whose rights it has; None for one of the operator, made by a command.

    What was due up to `due_after` is in the ledger.
    """

    schedule_id: int
    plan: Plan
    active: bool
    owner: str | None
    created_by: str
    created_at: datetime
    due_after: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.plan.time_zone)

    def next_due(self, now: datetime) -> datetime | None:
        """When it is due next; None while it is paused."""
        return next_due(self.plan.cron, self.zone, now) if self.active else None


def read(plan: Plan, days: Days, database: Database, now: datetime) -> Result:
    """The report of these days. Raises BadParameterError when it does not take the filters or the time zone."""
    return REPORTS[plan.report](
        database, now=now, start=days.first, end=days.last, time_zone=plan.time_zone, **plan.filters
    )
