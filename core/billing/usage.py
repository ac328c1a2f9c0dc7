"""What clients used in a period, from the roll-ups: exact also before they are folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import psycopg

from core.billing.lines import USAGE, Integers, Lines, lines
from core.sql import load
from core.storage.client_sums import ClientSums, client_sums
from core.storage.integers import fetch_integers

PARTS: tuple[tuple[str | None, dict[str, str]], ...] = (
    (
        None,
        {"delivered": "events_out", **{name: name for name in ("bytes_in", "bytes_out", "payload_in", "payload_out")}},
    ),
    ("EVENT", {name: name for name in ("accepted", "duplicate", "rejected")}),
    ("REQ", {"reqs": "n"}),
    ("COUNT", {"counts": "n"}),
)
"""Which measures of which event type (None: of all together) a bill counts, and what it calls them."""


def usage(connection: psycopg.Connection[Any], start: datetime, end: datetime, client: str | None = None) -> Lines:
    """Usage of [start, end), whole hours, of every client that used anything (or of one); amounts are zero.

    The connection must be in a transaction of one snapshot (REPEATABLE READ).
    """
    if client is not None:
        parameters = {"start": start, "end": end, "client": client}
        table = fetch_integers(connection, load("billing_usage_of_client"), parameters, 1 + len(USAGE))
        return lines(table[:, 0], table[:, 1:]).without_zeros()

    def read(name: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        return connection.cursor(binary=True).execute(load(name), parameters).fetchall()

    found = [(client_sums(read, start, end, tuple(names.values()), event_type), names) for event_type, names in PARTS]
    clients = np.unique(np.concatenate([sums.clients for sums, _ in found]))
    table = np.zeros((len(clients), len(USAGE)), dtype=np.int64)
    for sums, names in found:
        _fill(table, clients, sums, names)
    return lines(clients, table).without_zeros()


def _fill(table: Integers, clients: Integers, sums: ClientSums, names: Mapping[str, str]) -> None:
    places = np.searchsorted(clients, sums.clients)
    for name, measure in names.items():
        table[places, USAGE.index(name)] = sums.measures[measure]
