"""Counts by group and bin, as queries pack them: one row per group, since a group has a hundred bins or more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.reports.percentiles import FRACTIONS
from core.reports.query import Rows
from core.storage.latency_bins import values_of
from core.storage.latency_packs import ENTRY

Ints = npt.NDArray[np.int64]

ARRAY_HEADER = 20
"""Bytes before the first element of what PostgreSQL's array_send gives for an array of one dimension."""
SENT_INT2 = np.dtype([("length", ">i4"), ("value", ">i2")])
SENT_INT4 = np.dtype([("length", ">i4"), ("value", ">i4")])


@dataclass(frozen=True)
class Binned:
    """`n` values lie in `group` and `bin`; three arrays of one length. Those of a group and bin add up: some
    may be negative, and take away what others have too much."""

    group: Ints
    bin: Ints
    n: Ints

    def together(self) -> Binned:
        """All groups as group 0."""
        return replace(self, group=np.zeros_like(self.group))

    def counts(self, groups: int) -> Ints:
        """Values per group."""
        # sums are exact in floating point up to 2^53
        return np.bincount(self.group, weights=self.n, minlength=groups).astype(np.int64)

    def percentiles(self, groups: int, fractions: Sequence[float] = FRACTIONS) -> npt.NDArray[np.float64]:
        """The percentiles (ms) of each group, shape (groups, fractions); NaN for one with nothing to count.

        Of each group the first bin whose running sum reaches `fraction · total`, the rank rounded up: of 3 values the
        median is the 2nd, of 4 it is the 2nd too.
        """
        if groups == 0 or len(self.bin) == 0:
            return np.full((groups, len(fractions)), np.nan)
        low, high = int(self.bin.min()), int(self.bin.max())
        width = high - low + 1
        sums = np.bincount(self.group * width + (self.bin - low), weights=self.n, minlength=groups * width)
        # one running sum through all groups: a rank within a group is one behind the sum of those before it
        running = np.cumsum(sums)
        upto = running[width - 1 :: width]
        before = np.concatenate([[0.0], upto[:-1]])
        total = upto - before
        ranks = np.maximum(np.ceil(np.outer(total, fractions) - 1e-9), 1)
        places = np.searchsorted(running, before[:, None] + ranks) - np.arange(groups)[:, None] * width
        values = values_of(low + np.minimum(places, width - 1))
        values[total == 0] = np.nan
        return values


@dataclass(frozen=True)
class Sketches:
    """Response times by bucket, and the same ones by event type."""

    over_time: Binned
    by_type: Binned
    types: list[str]
    """Names of the groups of `by_type`; one may have nothing left to count, where all was taken away again."""

    def of_types(self, types: Sequence[str]) -> Binned:
        """By event type, numbered as in `types`; others have nothing to count."""
        place = {name: number for number, name in enumerate(types)}
        number = np.array([place.get(name, -1) for name in self.types], dtype=np.int64)
        group = number[self.by_type.group]
        if (number >= 0).all():
            return replace(self.by_type, group=group)
        known = group >= 0
        return Binned(group[known], self.by_type.bin[known], self.by_type.n[known])


def joined(parts: Sequence[Binned]) -> Binned:
    """Several of them as one; negative counts take away what another part has too much."""
    none = np.zeros(0, dtype=np.int64)
    return Binned(*(np.concatenate([none, *(getattr(part, name) for part in parts)]) for name in ("group", "bin", "n")))


def sketches(names: Iterable[str], parts: Sequence[tuple[Binned, Ints]]) -> Sketches:
    """Of parts by bucket; each with the place among `names` of the event type of each of its entries."""
    over_time = joined([part for part, _ in parts])
    of_type = np.concatenate([np.zeros(0, dtype=np.int64), *(types for _, types in parts)])
    return Sketches(over_time, replace(over_time, group=of_type), list(names))


def packed(rows: Rows) -> Binned:
    """From rows of (group, sign, a pack of `core.storage.latency_packs`)."""
    entries = np.frombuffer(b"".join(row[2] for row in rows), dtype=ENTRY)
    sizes = pack_sizes(row[2] for row in rows)
    signs = np.repeat(column(rows, 1), sizes)
    return Binned(np.repeat(column(rows, 0), sizes), entries["bin"].astype(np.int64), signs * entries["n"])


def pack_sizes(packs: Iterable[bytes]) -> Ints:
    """Entries of each pack."""
    return np.array([len(pack) // ENTRY.itemsize for pack in packs], dtype=np.int64)


def sent(arrays: Sequence[bytes | None], element: np.dtype[np.void]) -> tuple[Ints, Ints]:
    """The elements of arrays one after the other, and the number of each array's.

    `arrays`: what array_send gave, None for no array; `element`: SENT_INT2 or SENT_INT4, no element is null.
    """
    # an empty array has no dimension, so its header is shorter
    bodies = [array[ARRAY_HEADER:] if array else b"" for array in arrays]
    sizes = np.array([len(body) // element.itemsize for body in bodies], dtype=np.int64)
    return np.frombuffer(b"".join(bodies), dtype=element)["value"].astype(np.int64), sizes


def column(rows: Rows, place: int) -> Ints:
    """One value of each row."""
    return np.array([row[place] for row in rows], dtype=np.int64)
