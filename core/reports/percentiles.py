"""Percentiles from latency bins (DDSketch: Masson, Rim, Lee, "A fast and fully-mergeable quantile sketch", 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.storage.latency_bins import ACCURACY, values_of

ERROR_BOUND = ACCURACY
"""Largest relative error of a percentile read from bins."""

FRACTIONS = (0.50, 0.95, 0.99)


def percentiles(
    bins: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], fractions: Sequence[float] = FRACTIONS
) -> list[float]:
    """The values (ms) below which `fractions` of all counts lie: of sorted `bins`, the first whose running sum reaches
    `fraction · total`. NaN when there is nothing to count."""
    total = int(counts.sum())
    if total == 0:
        return [float("nan")] * len(fractions)
    order = np.argsort(bins, kind="stable")
    running = np.cumsum(counts[order])
    # the rank is rounded up: of 3 values the median is the 2nd, of 4 it is the 2nd too
    ranks = np.ceil(np.asarray(fractions) * total - 1e-9)
    found = np.searchsorted(running, np.maximum(ranks, 1))
    return [float(value) for value in values_of(bins[order][found])]
