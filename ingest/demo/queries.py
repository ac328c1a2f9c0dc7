"""What the invented clients ask for: filters of the usual shapes, how often each comes, and how slow it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.shapes import read_filters

ID = "0" * 64


class Query(NamedTuple):
    """A filter, its share of all in per cent, and the factor on the usual response time."""

    filter: dict[str, Any]
    share: float
    slowness: float


QUERIES = (
    Query({"kinds": [1, 6], "authors": [ID] * 15, "limit": 20}, 35, 1.35),
    Query({"kinds": [0], "authors": [ID]}, 25, 0.7),
    Query({"kinds": [1, 6, 7, 9735], "#p": [ID], "since": 1, "limit": 30}, 15, 1.45),
    Query({"ids": [ID] * 3}, 13, 0.45),
    Query({"kinds": [1], "limit": 50}, 7, 1.1),
    Query({"kinds": [1059], "#p": [ID], "limit": 20}, 3, 0.9),
    Query({"search": "nostr", "limit": 20}, 2, 7.0),
)
"""As the live clients send them (`messages.py`). All factors together leave the median where it is."""

SLOWNESS = np.array([query.slowness for query in QUERIES])
SHARES = np.array([query.share for query in QUERIES]) / sum(query.share for query in QUERIES)


def drawn(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    """The places in QUERIES of so many messages."""
    return random.choice(len(QUERIES), count, p=SHARES).astype(np.int64)


def metadata() -> list[dict[str, Any]]:
    """What the tap would tell of each query."""
    read = (read_filters(msgspec.json.encode(["REQ", "s", query.filter])) for query in QUERIES)
    return [{"filters": filters.number, "shape": filters.shape} for filters in read if filters is not None]
