"""When something that grows reaches its bound: the robust slope of Theil (1950) and Sen (1968).

The slope is the median of the slopes between all pairs of points, so that up to 29% of wild points do not move it. It
counts as growth only when most pairs rise (Kendall's concordance): noise has no trend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_POINTS = 6
AGREEMENT = 0.75
"""Part of the pairs that must rise."""
LEAST_RISE = 0.2
"""In the unit of the values, from the first point to the last: percentages come in steps of a tenth."""


@dataclass(frozen=True)
class Forecast:
    """`slope` per second; `level`: the value of the trend at the last point; `seconds`: until the bound from there."""

    slope: float
    level: float
    seconds: float


def forecast(seconds: Sequence[float], values: Sequence[float], bound: float) -> Forecast | None:
    """The time until `values`, taken at `seconds`, reach `bound`; None while they do not clearly grow."""
    if len(values) < LEAST_POINTS:
        return None
    x, y = np.asarray(seconds, dtype=np.float64), np.asarray(values, dtype=np.float64)
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] - x[first]
    slopes = (y[second] - y[first])[apart > 0] / apart[apart > 0]
    if not slopes.size or (slopes > 0).mean() < AGREEMENT:
        return None
    slope = float(np.median(slopes))
    level = float(np.median(y - slope * x)) + slope * float(x.max())
    if slope <= 0 or slope * float(x.max() - x.min()) < LEAST_RISE:
        return None
    return Forecast(slope, level, max(bound - level, 0.0) / slope)
