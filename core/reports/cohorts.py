"""Retention: of the clients that first came in a day, week or month, how many were active in each that followed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import cast

import numpy as np
import pandas as pd

from core.exceptions import BadParameterError
from core.periods import Granularity, Period
from core.reports.client_sets import Ints, Sets, known_before
from core.reports.declaration import Column, Parameter, Table
from core.reports.frame import ratio

WIDTHS = ("day", "week", "month")
MAX_COHORTS = 124
"""Each cohort has a row for each bucket that follows: more than what fits a screen, and quadratic."""

COHORT = Parameter(
    "cohort",
    "width of the cohorts; without it that of the buckets, at least a day, and wider where there would be more than "
    f"{MAX_COHORTS} of them",
    None,
    WIDTHS,
)
COHORTS = Table(
    "cohorts",
    "clients whose first message ever falls into a day, week or month of the range, and how many of them were active "
    "then and in each that followed and has begun; the first and the last are cut at the range; with an event type, "
    "all is about messages of that type",
    (
        Column("cohort", "beginning of the day, week or month of the first message"),
        Column("size", "clients of the cohort", "clients"),
        Column("period", "days, weeks or months after that; 0 is the cohort's own"),
        Column("timestamp", "beginning of that period"),
        Column("active", "clients of the cohort that were active in that period", "clients"),
        Column("share", "part of the cohort that was active, 0 to 1; null for an empty cohort"),
    ),
)


def cohort_period(period: Period, cohort: str | None) -> tuple[Period, tuple[str, ...]]:
    """The period in the buckets of cohorts, and a warning when they are wider than those of the report.

    Raises BadParameterError for an unknown width, and for one that gives too many cohorts.
    """
    if cohort is not None and cohort not in WIDTHS:
        raise BadParameterError(f"cohort {cohort!r} is unknown; use one of {', '.join(WIDTHS)}.")
    least = cohort or ("day" if period.granularity == "hour" else period.granularity)
    by_width = {width: replace(period, granularity=cast("Granularity", width)) for width in WIDTHS}
    number = len(by_width[least].starts)
    if number <= MAX_COHORTS:
        return by_width[least], ()
    if cohort is not None:
        raise BadParameterError(
            f"by {cohort} there are {number} cohorts, and there can be {MAX_COHORTS} at most; "
            "use a wider cohort or a shorter range."
        )
    fitting = next(wide for wide in by_width.values() if len(wide.starts) <= MAX_COHORTS)
    return fitting, (f"Cohorts go by {fitting.granularity}: by {least} there would be {number} of them.",)


def retained(active: Sets, known: Sets) -> Ints:
    """[k, j]: clients that were first active in set k of consecutive ones, and active in set j too.

    `known`: who was active before the first of them. Below the diagonal all is zero.
    """
    first = active & ~known_before(active, known)
    found = np.zeros((len(active), len(active)), dtype=np.int64)
    for place, members in enumerate(first):
        words = np.flatnonzero(members)  # clients are numbered as they come: a cohort lies close together
        later = np.take(active[place:], words, axis=1) & members[words]
        found[place, place:] = np.bitwise_count(later).sum(axis=1, dtype=np.int64)
    return found


def cohort_table(counts: Ints, period: Period, now: datetime) -> pd.DataFrame:
    """Rows of COHORTS from `retained`."""
    begun = sum(start < now for start in period.starts)
    cohort, later = np.triu_indices(begun)
    starts = pd.DatetimeIndex(period.starts, tz="UTC").tz_convert(period.zone)
    size = counts.diagonal()[cohort]
    active = counts[cohort, later]
    return pd.DataFrame(
        {
            "cohort": starts[cohort],
            "size": size,
            "period": (later - cohort).astype(np.int64),
            "timestamp": starts[later],
            "active": active,
            "share": ratio(active, size),
        }
    )
