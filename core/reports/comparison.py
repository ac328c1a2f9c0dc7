"""What reports with a comparison share: totals of a period against as much of the period before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from core import kept_hours
from core.periods import Period, day_start
from core.reports.declaration import Column, Parameter, Table
from core.reports.frame import Frame, ratio
from core.reports.query import Rows
from core.storage.spans import steps

COMPARE = Parameter("compare", "whether to compare with the period before", True, (True, False))
COMPARISON = Table(
    "comparison",
    "totals against the period before: as long, the same weekdays, both cut to the whole hours that have elapsed",
    (
        Column("measure", "name of the measure, as in the timeline"),
        Column("current", "total of the period up to the last whole hour that has elapsed"),
        Column("previous", "total of as much of the period before"),
        Column("change", "relative change; null when there was nothing before"),
        Column("previous_start", "first instant of the period before"),
        Column("previous_end", "first instant no longer compared"),
    ),
)

IN_DAYS = (
    "Hours of the period before are not kept any more: it is compared by whole days, which there are those of UTC."
)


def compared(asked: Frame, now: datetime, hours_from: datetime | None = None) -> tuple[Period, Period, list[str]]:
    """The whole hours of the period that have elapsed, as much of the period before, and what to say of both.

    `hours_from`: from when on hours are kept. Where those of the period before are gone, both are cut to whole days,
    and the one before goes by days of UTC.
    """
    period = asked.period
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    end = max(min(period.end, hour), period.start)
    first, last = period.before(period.start), period.before(end)
    if kept_hours.told((first, last), hours_from):
        return replace(period, end=end), replace(period, start=first, end=last), []
    end = max(day_start(end.astimezone(period.zone).date(), period.zone), period.start)
    first, last = (kept_hours.utc_day(period.before(edge), period.zone) for edge in (period.start, end))
    return replace(period, end=end), replace(period, start=first, end=last), [IN_DAYS]


def total(period: Period) -> dict[str, Any]:
    """Parameters of a query over time for a period as a single bucket."""
    edges = [period.start, period.end]
    return {"edges": edges, "start": period.start, "end": period.end} | steps(edges).parameters


def comparison(
    measures: Sequence[str], current: Rows, previous: Rows, before: Period, *, compare: bool
) -> pd.DataFrame:
    """The table: sums of the last `len(measures)` values of the rows of both periods; `before` is the earlier one.

    Without `compare` it is empty, with the same types of columns.
    """
    now, then = (
        np.array([row[-len(measures) :] for row in rows], dtype=np.int64).reshape(-1, len(measures)).sum(axis=0)
        for rows in (current, previous)
    )
    zone = before.zone
    table = pd.DataFrame(
        {
            "measure": pd.array(list(measures), dtype="str"),
            "current": now,
            "previous": then,
            "change": ratio(now - then, then),
            "previous_start": before.start.astimezone(zone),
            "previous_end": before.end.astimezone(zone),
        }
    )
    return table if compare else table.iloc[:0]
