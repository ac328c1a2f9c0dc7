"""What writers appended of clients, taken out of its arrays and added up by client and hour before it is merged.

In NumPy: a row of `client_hour` is touched once per fold instead of once per batch, and the arrays need not be
unnested by the database, which takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from core.storage.array_rows import elements_of
from core.storage.binary_copy import Column, Payloads, copy_columns
from core.storage.client_bins import PACK_ABOVE
from core.storage.deltas import group
from core.storage.postgres_epoch import POSTGRES_EPOCH_US
from core.storage.rollups import CLIENTS, COLUMN_TYPES

MERGED = "merged_clients"
"""The temporary table of the sums, with the columns of `client_delta`: one row per hour, client, relay and type."""
MERGED_BINS = "merged_client_bins"
"""The temporary table of the bins of rows with many, counted: to append them one by one, for the database to count
them, takes as long as all the rest of a fold."""
AT_ONCE = 500_000
"""Rows of arrays taken in one transaction, about: bounds its memory."""

ROW = ("bucket", "client_no", "relay_id", "event_type_id")
MAKE = f"""
    CREATE TEMPORARY TABLE IF NOT EXISTS {MERGED} (LIKE client_delta) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS {MERGED_BINS} (
        bucket timestamptz, client_no integer, relay_id smallint, event_type_id smallint, bin smallint, n integer
    ) ON COMMIT DELETE ROWS"""
MERGED_SQL = f"""
    SELECT * FROM {MERGED} LEFT JOIN (
        SELECT {", ".join(ROW)}, array_agg(bin ORDER BY bin) AS packed_bins, array_agg(n ORDER BY bin) AS packed_counts
        FROM {MERGED_BINS} GROUP BY {", ".join(ROW)}
    ) AS long USING ({", ".join(ROW)})"""  # noqa: S608 (our own names)
"""The rows that were taken, with `bins` or, of many, with `packed_bins` and their `packed_counts`."""

ARRAYS = ", ".join(f"array_send(packed.{name})" for name in (*CLIENTS.array_columns, "bins"))
SIZE = "(pg_column_size(client_no) - 20) / 4"
"""How many rows an array is of, or one more: the bytes of its header and elements, told without reading it."""
# Read and then deleted: the server would keep all that a DELETE returns, on disk, before it sends the first row.
TAKE = f"""
    WITH due AS (
        SELECT ctid AS place, sum({SIZE}) OVER (ORDER BY ctid) - {SIZE} AS before, sum({SIZE}) OVER () AS waiting
        FROM {CLIENTS.table}
    )
    SELECT packed.ctid::text, due.waiting > %(most)s AS more, (extract(epoch FROM packed.bucket) * 1000000)::bigint,
           packed.relay_id, {ARRAYS}
    FROM {CLIENTS.table} packed JOIN due ON packed.ctid = due.place WHERE due.before < %(most)s
    FOR UPDATE OF packed"""  # noqa: S608 (our own names)
# DELETE, never TRUNCATE: rows that writers commit meanwhile stay for the next fold, and nobody waits.
TAKEN = f"DELETE FROM {CLIENTS.table} WHERE ctid = ANY(%s::tid[])"  # noqa: S608 (our own names)

ARRAY_OF_SMALLINT = b"\0\0\0\1" + b"\0\0\0\0" + b"\0\0\0\x15"
"""One dimension, no nulls, elements of type 21: how the binary form of a smallint[] begins."""
LOWER_BOUND = b"\0\0\0\1"
ELEMENT = np.dtype([("length", ">i4"), ("value", ">i2")])

LEAST_BIN = -(2**15)
BINS = 2**16
"""How many values a smallint has."""

Rows = dict[str, NDArray[Any]]


def take(connection: psycopg.Connection[Any]) -> tuple[int, bool]:
    """Move rows of client_delta, summed, into the tables of MERGED_SQL, of this transaction; how many there were, and
    whether there are more."""
    connection.execute(MAKE.encode())
    with connection.cursor(binary=True) as cursor:
        packs = cursor.execute(TAKE.encode(), {"most": AT_ONCE}).fetchall()
    if not packs:
        return 0, False
    connection.execute(TAKEN.encode(), [[place for place, *_ in packs]])
    more = bool(packs[0][1])
    rows, bins = _rows_of([pack for _, _, *pack in packs])
    _fill(connection, rows, bins)
    return len(rows["n"]), more


def _rows_of(packs: Sequence[Sequence[Any]]) -> tuple[Rows, NDArray[Any]]:
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
    ordered = bins[_in_order(rows["answered"], order)]
    long = counts > PACK_ABOVE
    of_long = np.repeat(long, counts)
    elements = np.empty(len(ordered) - int(np.count_nonzero(of_long)), dtype=ELEMENT)
    elements["length"] = 2
    elements["value"] = ordered[~of_long]
    appended = np.where((counts == 0) | long, -1, counts)
    copy_columns(connection, MERGED, columns, Payloads("bins", elements, appended, _head))
    row_columns = [column for column in columns if column.name in ROW]
    _fill_bins(connection, row_columns, np.repeat(np.flatnonzero(long), counts[long]), ordered[of_long])


def _fill_bins(
    connection: psycopg.Connection[Any], columns: Sequence[Column], rows: NDArray[np.int64], bins: NDArray[Any]
) -> None:
    """The distinct bins of rows, which `columns` name, and how often each comes."""
    pairs, counts = np.unique(rows * BINS + bins.astype(np.int64) - LEAST_BIN, return_counts=True)
    named = [Column(column.name, column.type, column.values[pairs // BINS]) for column in columns]
    counted = [Column("bin", "smallint", pairs % BINS + LEAST_BIN), Column("n", "integer", counts)]
    copy_columns(connection, MERGED_BINS, [*named, *counted])


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
