"""EVENT messages by their kind: how many of each, and who sent those of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from core.periods import Period
from core.reports.declaration import Column
from core.reports.query import Read, Rows
from core.storage.client_sums import ClientSums

MEASURES = ("n", "accepted", "duplicate", "rejected", "errors", "unanswered", "events_out", "bytes_in", "bytes_out",
            "payload_in", "payload_out")  # fmt: skip
"""The columns of the query `clients_of_kind` after the client, by their names in the roll-ups."""


KIND_COLUMNS = (
    Column("kind", "Nostr kind; null where none could be read"),
    Column("events", "EVENT messages of this kind", "events"),
    Column("errors", "those with an error code", "events"),
    Column("bytes_in", "wire bytes of these messages", "bytes"),
    Column("bytes_out", "wire bytes of their answers", "bytes"),
)


def kinds_table(rows: Rows) -> pd.DataFrame:
    """`rows`: of the queries `traffic_kinds` and `client_kinds`; kind -1 is none."""
    table = np.array([row[1:] for row in rows], dtype=np.int64).reshape(-1, 4)
    return pd.DataFrame(
        {
            "kind": pd.array([None if row[0] < 0 else row[0] for row in rows], dtype="Int64"),
            **{column.name: table[:, place] for place, column in enumerate(KIND_COLUMNS[1:])},
        }
    )


def sums_of_kind(read: Read, start: datetime, end: datetime, measures: Sequence[str], kind: int) -> ClientSums:
    """As `core.storage.client_sums`, of EVENT messages of one kind."""
    rows = clients_of_kind(read, start, end, kind)
    table = np.array([row[: 1 + len(MEASURES)] for row in rows], dtype=np.int64).reshape(-1, 1 + len(MEASURES))
    table = table[np.argsort(table[:, 0])]
    return ClientSums(table[:, 0], {name: table[:, 1 + MEASURES.index(name)] for name in measures})


def kept_from(read: Read, period: Period, kind: int | None) -> list[str]:
    """What to say where the period begins before anything was kept by kind beside traffic."""
    found = read("mark", {"name": "by_kind_from"}) if kind is not None else []
    if not found or found[0][0] <= period.start:
        return []
    return [f"Errors, times and clients are kept by kind from {found[0][0].astimezone(period.zone):%Y-%m-%d %H:%M} on."]


def clients_of_kind(
    read: Read, start: datetime, end: datetime, kind: int, clients: Sequence[int] | None = None
) -> Rows:
    """Rows of the query of that name, of all clients or of some, by their numbers."""
    return read("clients_of_kind", {"kind": kind, "start": start, "end": end, "clients": clients})
