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
"""`bins_of` in SQL; `{ms}` is a column of milliseconds."""


def bins_of(ms: ArrayLike) -> NDArray[np.int64]:
    """The bins of times in milliseconds."""
    times = np.maximum(np.asarray(ms, dtype=np.float64), SMALLEST)
    return np.ceil(np.log(times) / LOG_GAMMA).astype(np.int64)


def values_of(bins: ArrayLike) -> NDArray[np.float64]:
    """Milliseconds that stand for bins: their harmonic middles, at most ACCURACY away from all they hold."""
    return 2 * np.power(GAMMA, np.asarray(bins, dtype=np.float64)) / (1 + GAMMA)
