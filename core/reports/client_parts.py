"""What one client did, put together from its days of UTC and, at the edges of buckets and since the last day was built,
from its hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from core.reports.binned import SENT_INT2, SENT_INT4, Binned, Sketches, column, sent, sketches
from core.reports.query import Read, Rows
from core.storage.client_days import NEVER
from core.storage.rollups import CLOSED_MARK
from core.storage.spans import midnight, steps


def built_before(read: Read) -> datetime:
    """Days that end by this moment are in client_day."""
    return read.mark(CLOSED_MARK) or midnight(NEVER)


def parts(edges: Sequence[datetime], days_before: datetime) -> dict[str, Any]:
    """Parameters of the queries `client_over_time` and `client_latency`: the buckets between `edges`."""
    chosen = steps(edges, days_before=days_before).parameters
    return {"edges": list(edges), "start": edges[0], "end": edges[-1]} | chosen


def response_times(rows: Rows) -> Sketches:
    """By bucket and event type. `rows`: of the query `client_latency`."""
    names = sorted({row[2] for row in rows})
    number = {name: place for place, name in enumerate(names)}
    steps_of, signs = column(rows, 0), column(rows, 1)
    types = np.array([number[row[2]] for row in rows], dtype=np.int64)
    # one message each, and counted ones
    single, single_sizes = sent([row[3] for row in rows], SENT_INT2)
    bins, sizes = sent([row[4] for row in rows], SENT_INT2)
    counts, _ = sent([row[5] for row in rows], SENT_INT4)
    return sketches(
        names,
        [
            (Binned(np.repeat(steps_of, each), found, np.repeat(signs, each) * n), np.repeat(types, each))
            for found, each, n in ((single, single_sizes, np.ones_like(single)), (bins, sizes, counts))
        ],
    )
