"""Sets of clients as rows of bits: who was active in each step of a range, and what sets have in common, counted.

A client is in one chunk only, so numbers counted of each chunk add up to those of all clients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from core.reports.query import Rows
from core.storage.active_clients import CHUNK

Sets = npt.NDArray[np.uint64]
"""(number of sets, words): a set of clients per row. The order of bits within a word has no meaning here."""
Ints = npt.NDArray[np.int64]

BIT = 128 >> np.arange(8, dtype=np.uint8)
LENGTH_BYTES = 4
"""The binary form of bit(n) is its length as int4, then the bits, the leftmost first."""


@dataclass(frozen=True)
class Steps:
    """All instants at which a report cuts time; between two of them lies a step, before the first all there was."""

    edges: tuple[datetime, ...]

    @classmethod
    def cut_at(cls, *edges: Sequence[datetime]) -> Steps:
        return cls(tuple(sorted({edge for part in edges for edge in part})))

    @cached_property
    def rows(self) -> dict[datetime, int]:
        """The row of the step that begins at an edge; row 0 is what was before the first."""
        return {edge: place + 1 for place, edge in enumerate(self.edges)}

    def parameters(self, event_type: str | None) -> Mapping[str, Any]:
        """For the queries `users_active` and `users_pending`; `edges` as PostgreSQL writes an array."""
        return {"edges": f"{{{','.join(map(str, self.edges))}}}", "event_type": event_type}

    def before(self, sets: Sets, instant: datetime) -> Sets:
        """(words,): who was active ever before one of the edges."""
        within: Sets = np.bitwise_or.reduce(sets[: self.rows[instant]], axis=0)
        return within

    def between(self, sets: Sets, edges: Sequence[datetime]) -> Sets:
        """(len(edges) - 1, words): who was active between each two of ascending edges; in an empty range nobody."""
        rows = [self.rows[edge] for edge in edges]
        if len(rows) - 1 == rows[-1] - rows[0]:
            return sets[rows[0] : rows[-1]]
        # row by row: reduceat and accumulate go by columns, which is several times slower
        return np.stack([np.bitwise_or.reduce(sets[first:last], axis=0) for first, last in pairwise(rows)])


def chunks(bits: Rows, pending: Rows | Ints, steps: Steps) -> Iterator[Sets]:
    """For each chunk of clients the sets of the steps: (1 + number of steps, words), row 0 what was before.

    `bits`: rows of the query `users_active`, with the bits in binary form; `pending`: of `users_pending`,
    or its like as an array.
    """
    late = np.asarray(pending, dtype=np.int64).reshape(-1, 2)
    chunk_of_late = late[:, 1] // CHUNK
    stored: dict[int, list[tuple[int, bytes]]] = {
        int(chunk): [] for chunk in np.flatnonzero(np.bincount(chunk_of_late))
    }
    for step, chunk, value in bits:
        stored.setdefault(chunk, []).append((step, value))
    for chunk, values in stored.items():
        step, client = (late if len(stored) == 1 else late[chunk_of_late == chunk]).T
        byte, bit = client % CHUNK // 8, client % 8
        size = max((len(value) - LENGTH_BYTES for _, value in values), default=0)
        words = max(size, int(byte.max(initial=0)) + 1) // 8 + 1
        sets = np.zeros((len(steps.edges), words * 8), dtype=np.uint8)
        for before_or_step, value in values:
            sets[before_or_step + 1, : len(value) - LENGTH_BYTES] = np.frombuffer(value, np.uint8, offset=LENGTH_BYTES)
        np.bitwise_or.at(sets, (step + 1, byte), BIT[bit])
        yield sets.view(np.uint64)


def count(sets: Sets) -> Ints:
    """The number of clients in each set."""
    found: Ints = np.bitwise_count(sets).sum(axis=-1, dtype=np.int64)
    return found


def known_before(active: Sets, known: Sets) -> Sets:
    """For each of consecutive sets who was active before it: in `known`, or in one of those above it."""
    found = np.empty_like(active)
    found[0] = known
    for place, before in enumerate(active[:-1]):
        np.bitwise_or(found[place], before, out=found[place + 1])
    return found
