"""All clients of a range in the order of one measure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.reports.query import Read
from core.storage.client_kind_sums import kind_sums
from core.storage.client_sums import Ints, client_sums

SORTS = ("events", "accepted", "duplicate", "rejected", "errors", "unanswered", "events_out", "bytes_in", "bytes_out",
         "bytes")  # fmt: skip
"""What clients can be ranked by."""
SUMMED = {"events": ("n",), "bytes": ("bytes_in", "bytes_out")}
"""The measures that are summed, where they have other names."""

Leading = list[tuple[int, int]]
"""Numbers of clients and their sums of the measure, the highest first."""


@dataclass(frozen=True)
class Ranking:
    """The numbers of the clients that have any of the measure, and what each has; the highest first."""

    clients: Ints
    sums: Ints

    @property
    def total(self) -> int:
        return int(self.sums.sum())

    def top(self, limit: int, offset: int = 0) -> Leading:
        chosen = slice(offset, offset + limit)
        return list(zip(self.clients[chosen].tolist(), self.sums[chosen].tolist(), strict=True))


def ranking(
    read: Read, start: datetime, end: datetime, measure: str, *, event_type: str | None = None,
    kind: int | None = None, search: str | None = None,
) -> Ranking:  # fmt: skip
    """Every client with any of `measure` (one of SORTS) in [start, end), whole hours; `kind`: of EVENT messages of that
    kind; `search`: only those whose client_id or name contains it. Ties stand in the order in which the clients were
    first seen."""
    summed = SUMMED.get(measure, (measure,))
    if kind is None:
        found = client_sums(read, start, end, summed, event_type)
    else:
        found = kind_sums(read, start, end, summed, kind)
    sums: Ints = np.sum(np.array(list(found.measures.values())), axis=0)
    kept = sums > 0
    if search:
        kept &= np.isin(found.clients, [row[0] for row in read("clients_named_like", {"search": search})])
    clients, sums = found.clients[kept], sums[kept]
    order = np.lexsort((clients, -sums))
    return Ranking(clients[order], sums[order])
