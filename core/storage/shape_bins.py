"""The bins of response times by query shape: four of `latency_bins` in one, and packed.

A shape has few messages in an hour, and there are many shapes: a quarter of the places is worth 3% instead of 0.75%.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.storage.latency_bins import BIN_SQL, GAMMA

TOGETHER = 4
ENTRY = np.dtype([("bin", ">i2"), ("n", ">i4")])
"""How a pack holds a bin and the count of what lies in it."""
ERROR_BOUND = GAMMA ** (TOGETHER / 2) - 1
"""Largest relative error of a percentile: a value read back is the geometric middle of its bin."""
TO_MIDDLE = (1 + GAMMA) / 2
"""Times the value of the second one of the `latency_bins` that a bin holds gives that middle."""

SHAPE_BIN_SQL = f"ceil({BIN_SQL} / {TOGETHER}.0)::integer"
"""The bin of the milliseconds `{{ms}}`."""
PACK_SQL = "string_agg(int2send(bin::smallint) || int4send(n::integer), ''::bytea ORDER BY bin)"
"""The pack of rows (bin, n)."""


def fine_bins(bins: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The second one of the `latency_bins` that each bin holds."""
    return bins.astype(np.int64) * TOGETHER - TOGETHER // 2
