"""Logarithmic bins of response times: percentiles within 0.75%, mergeable by adding counts.

Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", 2019.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

ACCURACY = 0.0075
"""Largest relative error of a value read back from its bin."""
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
SMALLEST = 0.001
"""Milliseconds; shorter times share the lowest bin."""
LOG_GAMMA = math.log(GAMMA)

BIN_SQL = f"ceil(ln(greatest({{ms}}::float8, {SMALLEST})) / {LOG_GAMMA!r}::float8)::integer"
"""The same in SQL; `{ms}` is a column of milliseconds."""
VALUE_SQL = f"(2 * power({GAMMA!r}::float8, {{bin}}) / {1 + GAMMA!r})"
"""`value_of` in SQL; `{bin}` is a column of bins."""


def bin_of(ms: float) -> int:
    """The bin of a time in milliseconds."""
    return math.ceil(math.log(max(ms, SMALLEST)) / LOG_GAMMA)


def value_of(bin_number: int) -> float:
    """Milliseconds that stand for a bin: its harmonic middle, at most ACCURACY away from all it holds."""
    return 2 * GAMMA**bin_number / (1 + GAMMA)


def bins_of(ms: ArrayLike) -> NDArray[np.int64]:
    """`bin_of` for an array."""
    times = np.maximum(np.asarray(ms, dtype=np.float64), SMALLEST)
    return np.ceil(np.log(times) / LOG_GAMMA).astype(np.int64)


def values_of(bins: ArrayLike) -> NDArray[np.float64]:
    """`value_of` for an array."""
    return 2 * np.power(GAMMA, np.asarray(bins, dtype=np.float64)) / (1 + GAMMA)


def percentile(bins: ArrayLike, counts: ArrayLike, p: float) -> float | None:
    """The p-quantile (0..1) in milliseconds of `counts` times per bin; None when there are none."""
    order = np.argsort(np.asarray(bins))
    cumulated = np.cumsum(np.asarray(counts)[order])
    if len(cumulated) == 0 or cumulated[-1] == 0:
        return None
    first = int(np.searchsorted(cumulated, p * cumulated[-1], side="left"))
    return value_of(int(np.asarray(bins)[order][min(first, len(order) - 1)]))
