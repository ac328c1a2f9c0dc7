"""Counts by group and bin, as queries pack them: one row per group, since a group has a hundred bins or more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.reports.percentiles import FRACTIONS, percentiles
from core.reports.query import Rows

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Binned:
    """`n` values lie in `group` and `bin`; three arrays of one length."""

    group: Ints
    bin: Ints
    n: Ints

    def together(self) -> Binned:
        """All groups as group 0."""
        return replace(self, group=np.zeros_like(self.group))

    def counts(self, groups: int) -> Ints:
        """Values per group."""
        result = np.zeros(groups, dtype=np.int64)
        np.add.at(result, self.group, self.n)
        return result

    def percentiles(self, groups: int, fractions: Sequence[float] = FRACTIONS) -> npt.NDArray[np.float64]:
        """The percentiles (ms) of each group, shape (groups, fractions); NaN for one with nothing to count."""
        values = np.full((groups, len(fractions)), np.nan)
        order = np.argsort(self.group, kind="stable")
        bounds = np.searchsorted(self.group[order], np.arange(groups + 1))
        for group in np.flatnonzero(np.diff(bounds)):
            part = order[bounds[group] : bounds[group + 1]]
            values[group] = percentiles(self.bin[part], self.n[part], fractions)
        return values


def unpacked(rows: Rows) -> Binned:
    """From rows of (group, its bins as integers of 4 bytes, their counts as integers of 8 bytes)."""
    bins = [np.frombuffer(row[1], dtype=">i4").astype(np.int64) for row in rows]
    counts = [np.frombuffer(row[2], dtype=">i8").astype(np.int64) for row in rows]
    none = np.zeros(0, dtype=np.int64)
    return Binned(
        np.repeat(np.array([row[0] for row in rows], dtype=np.int64), [len(found) for found in bins]),
        np.concatenate([none, *bins]),
        np.concatenate([none, *counts]),
    )
