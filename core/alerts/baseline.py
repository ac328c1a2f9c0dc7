"""What is usual at this hour of the week: median and MAD of the same weekday hour of past weeks.

deviations = (x − median) / max(MAD / 0.6745, FLOOR · |median|)

The modified z-score of Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993, with a floor: where past weeks
were all alike the MAD is near zero, and every little change would be an outlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

WEEKS = 8
"""Past weeks that are looked at."""
ENOUGH = 4
"""Of them, how many hours must be known; with fewer the rule is learning."""
CONSISTENT = 0.6745
"""The 0.75 quantile of the standard normal distribution: MAD / 0.6745 estimates the standard deviation."""
FLOOR = 0.10
"""The deviation is at least this part of the median."""


@dataclass(frozen=True)
class Baseline:
    """`spread`: one deviation, in the unit of the measure; `weeks`: how many past hours it is made of."""

    centre: float
    spread: float
    weeks: int

    def deviations(self, value: float) -> float:
        """How far a value is from what is usual; positive above."""
        return (value - self.centre) / self.spread

    def limit(self, deviations: float) -> float:
        """The value that is so far away."""
        return self.centre + deviations * self.spread


def baseline(values: Sequence[float]) -> Baseline | None:
    """Of the same hour of past weeks; None while there are too few, or all are zero: nothing is usual then."""
    if len(values) < ENOUGH:
        return None
    centre = median(values)
    mad = median(abs(value - centre) for value in values)
    spread = max(mad / CONSISTENT, FLOOR * abs(centre))
    return Baseline(centre, spread, len(values)) if spread > 0 else None


def past_hours(now: datetime, zone: ZoneInfo, weeks: int = WEEKS) -> list[datetime]:
    """The UTC hours in which the wall clock of the zone showed the same weekday and hour, the newest first.

    Weeks are counted on the wall clock: after a change to summer time, nine o'clock is compared with nine o'clock.
    """
    local = now.astimezone(zone).replace(tzinfo=None)
    earlier = ((local - timedelta(weeks=week)).replace(tzinfo=zone) for week in range(1, weeks + 1))
    return [moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for moment in earlier]
