"""What writers appended of clients, taken out of its arrays and added up by client and hour before it is merged.

In NumPy: a row of `client_hour` is touched once per fold instead of once per batch, and the arrays need not be
unnested by the database, which takes ten times as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from core.storage.array_copy import elements_of
from core.storage.binary_copy import Column, Payloads, copy_columns
from core.storage.deltas import group
from core.storage.postgres_epoch import POSTGRES_EPOCH_US
from core.storage.rollups import CLIENTS, COLUMN_TYPES

MERGED = "merged_clients"
"""The temporary table of the sums, with the columns of `client_delta`."""
AT_ONCE = 500_000
"""Rows of arrays taken in one transaction, about: bounds its memory."""

MAKE = f"CREATE TEMPORARY TABLE IF NOT EXISTS {MERGED} (LIKE client_delta) ON COMMIT DELETE ROWS"
# DELETE, never TRUNCATE: rows that writers commit meanwhile stay for the next fold, and nobody waits.
ARRAYS = ", ".join(f"array_send(packed.{name})" for name in (*CLIENTS.array_columns, "bins"))
TAKE = f"""
    WITH due AS (
        SELECT ctid AS place, sum(cardinality(client_no)) OVER (ORDER BY ctid) - cardinality(client_no) AS before
        FROM {CLIENTS.table}
    )
    DELETE FROM {CLIENTS.table} packed USING due WHERE packed.ctid = due.place AND due.before < %s
    RETURNING (extract(epoch FROM packed.bucket) * 1000000)::bigint, packed.relay_id, {ARRAYS}"""  # noqa: S608 (our own names)

ARRAY_OF_SMALLINT = b"\0\0\0\1" + b"\0\0\0\0" + b"\0\0\0\x15"
"""One dimension, no nulls, elements of type 21: how the binary form of a smallint[] begins."""
LOWER_BOUND = b"\0\0\0\1"
ELEMENT = np.dtype([("length", ">i4"), ("value", ">i2")])

Rows = dict[str, NDArray[Any]]


def take(connection: psycopg.Connection[Any]) -> tuple[int, bool]:
    """Move rows of client_delta, summed, into the table MERGED of this transaction; how many there were, and whether
    there may be more."""
    connection.execute(MAKE.encode())
    with connection.cursor(binary=True) as cursor:
        packs = cursor.execute(TAKE.encode(), [AT_ONCE]).fetchall()
    if not packs:
        return 0, False
    rows, bins = _rows_of(packs)
    _fill(connection, rows, bins)
    return len(rows["n"]), len(rows["n"]) >= AT_ONCE


def _rows_of(packs: list[tuple[Any, ...]]) -> tuple[Rows, NDArray[Any]]:
    """The rows of all packs one after another, `answered` of each so many of the bins."""
    rows: dict[str, list[NDArray[Any]]] = {name: [] for name in CLIENTS.array_columns}
    bins = []
    for _, _, *arrays in packs:
        for name, sent in zip(CLIENTS.array_columns, arrays, strict=False):
            rows[name].append(elements_of(sent, CLIENTS.sql_type(name)))
        bins.append(elements_of(arrays[-1], "smallint"))
        rows["bins_upto"][-1] = np.diff(rows["bins_upto"][-1], prepend=np.int32(0))
    together = {name: np.concatenate(parts) for name, parts in rows.items()}
    together["answered"] = together.pop("bins_upto").astype(np.int64)
    sizes = [len(part) for part in rows["n"]]
    together["bucket"] = np.repeat(np.array([pack[0] for pack in packs], dtype=np.int64), sizes)
    together["relay_id"] = np.repeat(np.array([pack[1] for pack in packs], dtype=np.int64), sizes)
    return together, np.concatenate(bins)


def _fill(connection: psycopg.Connection[Any], rows: Rows, bins: NDArray[Any]) -> None:
    order, starts = group([rows["bucket"], rows["client_no"], rows["relay_id"], rows["event_type_id"]])
    first = order[starts]
    columns = [Column("bucket", "timestamptz", rows["bucket"][first])]
    columns += [Column(name, COLUMN_TYPES[name], rows[name][first]) for name in CLIENTS.keys]
    columns += [
        Column(name, CLIENTS.sql_type(name), np.add.reduceat(_wide(rows[name])[order], starts))
        for name in CLIENTS.measures
    ]
    for name, reduced in (("first_at", np.minimum), ("last_at", np.maximum)):
        columns.append(Column(name, "timestamptz", reduced.reduceat(rows[name][order], starts) + POSTGRES_EPOCH_US))
    counts = np.add.reduceat(rows["answered"][order], starts)
    elements = np.empty(len(bins), dtype=ELEMENT)
    elements["length"] = 2
    elements["value"] = bins[_in_order(rows["answered"], order)]
    copy_columns(connection, MERGED, columns, Payloads("bins", elements, np.where(counts == 0, -1, counts), _head))


def _wide(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype.kind == "f" else values.astype(np.int64)


def _in_order(counts: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of items of which each row has so many, when the rows are put in this order."""
    starts = np.cumsum(counts) - counts
    taken = counts[order]
    shift = starts[order] - (np.cumsum(taken) - taken)
    return np.repeat(shift, taken) + np.arange(int(taken.sum()))


def _head(count: int) -> bytes:
    return ARRAY_OF_SMALLINT + count.to_bytes(4, "big") + LOWER_BOUND
