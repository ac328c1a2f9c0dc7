"""Counts by group and bin, as queries pack them: one row per group, since a group has a hundred bins or more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.reports.percentiles import FRACTIONS
from core.reports.query import Rows
from core.storage.latency_bins import values_of
from core.storage.latency_packs import ENTRY

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
        """The percentiles (ms) of each group, shape (groups, fractions); NaN for one with nothing to count.

        Of each group the first bin whose running sum reaches `fraction · total`, the rank rounded up: of 3 values the
        median is the 2nd, of 4 it is the 2nd too.
        """
        if len(self.bin) == 0:
            return np.full((groups, len(fractions)), np.nan)
        low, high = int(self.bin.min()), int(self.bin.max())
        width = high - low + 1
        # counts are exact in floating point up to 2^53
        sums = np.bincount(self.group * width + (self.bin - low), weights=self.n, minlength=groups * width)
        running = np.cumsum(sums.reshape(groups, width), axis=1)
        total = running[:, -1]
        ranks = np.maximum(np.ceil(np.outer(total, fractions) - 1e-9), 1)
        places = np.array([(running < rank[:, None]).sum(axis=1) for rank in ranks.T]).T
        values = values_of(low + np.minimum(places, width - 1))
        values[total == 0] = np.nan
        return values


def joined(parts: Sequence[Binned]) -> Binned:
    """Several of them as one; negative counts take away what another part has too much."""
    none = np.zeros(0, dtype=np.int64)
    return Binned(*(np.concatenate([none, *(getattr(part, name) for part in parts)]) for name in ("group", "bin", "n")))


def packed(rows: Rows) -> Binned:
    """From rows of (group, sign, a pack of `core.storage.latency_packs`)."""
    found = [(row[0], row[1], np.frombuffer(row[2], dtype=ENTRY)) for row in rows]
    return joined(
        [Binned(np.full(len(pack), group), pack["bin"].astype(np.int64), sign * pack["n"].astype(np.int64))
         for group, sign, pack in found]
    )  # fmt: skip


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
