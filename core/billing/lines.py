"""Lines of a bill: the numbers of many clients at once, as one table of exact integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.tariffs import COST_LINES

Integers = npt.NDArray[np.int64]

USAGE = (
    "accepted", "duplicate", "rejected", "reqs", "counts", "delivered", "bytes_in", "bytes_out", "payload_in",
    "payload_out",
)  # fmt: skip
"""EVENTs by outcome, REQs, COUNTs, events delivered (live ones included), wire and payload bytes."""
AMOUNTS = (*COST_LINES, "credit")
FIELDS = (*USAGE, *AMOUNTS)


@dataclass(frozen=True)
class Lines:
    """`clients`: distinct client numbers, ascending; `table`: a row of each, a column for each of `FIELDS`."""

    clients: Integers
    table: Integers

    def __len__(self) -> int:
        return len(self.clients)

    def column(self, name: str) -> Integers:
        return self.table[:, FIELDS.index(name)]

    @property
    def cost(self) -> Integers:
        """The bill of each client: the sum of its amounts."""
        return np.asarray(self.table[:, len(USAGE) :].sum(axis=1), dtype=np.int64)

    @property
    def wire(self) -> Integers:
        return self.column("bytes_in") + self.column("bytes_out")

    def totals(self) -> dict[str, int]:
        """Exact sums over all clients, whatever their size."""
        if not len(self):
            return dict.fromkeys(FIELDS, 0)
        largest = int(max(self.table.max(), -self.table.min()))
        if largest * len(self) < 2**63:  # no sum can overflow
            return dict(zip(FIELDS, self.table.sum(axis=0).tolist(), strict=True))
        return {name: sum(self.column(name).tolist()) for name in FIELDS}

    def without_zeros(self) -> Lines:
        """Only clients of which some number is not zero."""
        some = self.table.any(axis=1)
        return Lines(self.clients[some], self.table[some])

    def dearest(self, count: int) -> Lines:
        """The clients with the highest cost, then the most bytes, then the lowest number; in this order."""
        chosen = self._candidates(count)
        listed = Lines(self.clients[chosen], self.table[chosen])
        order = np.lexsort((listed.clients, -listed.wire, -listed.cost))[:count]
        return Lines(listed.clients[order], listed.table[order])

    def _candidates(self, count: int) -> Integers:
        """Places among which the `count` dearest surely are: to sort all takes longer than to choose."""
        if not 0 < count < len(self):
            return np.arange(len(self) if count else 0)
        cost = self.cost
        border = np.partition(cost, -count)[-count]
        above, tied = np.flatnonzero(cost > border), np.flatnonzero(cost == border)
        left = count - len(above)
        wire = self.wire[tied]
        return np.concatenate([above, tied[wire >= np.partition(wire, -left)[-left]]])


def lines(clients: Integers, table: Integers) -> Lines:
    """Lines in the order of client numbers; columns that `table` lacks at its end are zero."""
    order = np.argsort(clients, kind="stable")
    full = np.zeros((len(clients), len(FIELDS)), dtype=np.int64)
    full[:, : table.shape[1]] = table[order]
    return Lines(clients[order], full)


def combine(parts: Sequence[tuple[int, Lines]]) -> Lines:
    """The sum of lines, each times its sign."""
    clients = np.unique(np.concatenate([part.clients for _, part in parts]))
    table = np.zeros((len(clients), len(FIELDS)), dtype=np.int64)
    for sign, part in parts:
        table[np.searchsorted(clients, part.clients)] += sign * part.table
    return Lines(clients, table)
