"""EVENT messages by their kind: how many of each, and who sent those of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from core.periods import Period
from core.reports.declaration import Column
from core.reports.query import Read, Rows
from core.storage.client_kind_sums import kind_sums
from core.storage.kind_columns import RT_UNIT

MEASURES = ("n", "accepted", "duplicate", "rejected", "errors", "unanswered", "events_out", "bytes_in", "bytes_out",
            "payload_in", "payload_out", "rt_n")  # fmt: skip
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


def kept_from(read: Read, period: Period, kind: int | None) -> list[str]:
    """What to say where the period begins before anything was kept by kind beside traffic."""
    since = read.mark("by_kind_from") if kind is not None else None
    if since is None or since <= period.start:
        return []
    return [f"Errors, times and clients are kept by kind from {since.astimezone(period.zone):%Y-%m-%d %H:%M} on."]


def measures_of_kind(read: Read, start: datetime, end: datetime, kind: int, clients: Sequence[int]) -> Rows:
    """Of each of `clients` (their numbers) that sent an EVENT of this kind: its number, MEASURES, milliseconds."""
    found = kind_sums(read, start, end, (*MEASURES, "rt_units"), kind)
    columns = [found.clients, *(found.measures[name] for name in MEASURES)]
    chosen = np.flatnonzero(np.isin(found.clients, clients) & (found.measures["n"] > 0))
    milliseconds = found.measures["rt_units"][chosen] * RT_UNIT
    return [
        (*row, ms)
        for *row, ms in zip(*(values[chosen].tolist() for values in columns), milliseconds.tolist(), strict=True)
    ]
