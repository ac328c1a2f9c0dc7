"""Query results as data frames whose column types follow from the SQL types, also when there are no rows.

integers → int64 (Int64 where a value is missing) · floats and numeric → float64 · boolean → bool (boolean where one is
missing) · text → str · timestamptz → datetime64[us, UTC] · timestamp, date → datetime64[us] · anything else → object.
Sums of bigint are numeric in SQL: cast them to bigint where the integer matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from core.storage.postgres_epoch import POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_US

INTEGERS = {20, 21, 23, 26}
FLOATS = {700, 701, 1700}
BOOLEAN = 16
TEXTS = {18, 19, 25, 1042, 1043}
DATE, TIMESTAMP, TIMESTAMPTZ = 1082, 1114, 1184


class _Microseconds(Loader):
    """timestamp[tz] → microseconds since the Unix epoch: quicker than datetime objects, and what pandas stores."""

    format = Format.BINARY

    def load(self, data: Buffer) -> int:
        return int.from_bytes(data, "big", signed=True) + POSTGRES_EPOCH_US


class _Days(Loader):
    """date → microseconds since the Unix epoch."""

    format = Format.BINARY

    def load(self, data: Buffer) -> int:
        return (int.from_bytes(data, "big", signed=True) + POSTGRES_EPOCH_DAYS) * 86_400_000_000


def fetch_frame(
    connection: psycopg.Connection[Any], sql: str, params: Mapping[str, Any] | Sequence[Any] | None = None
) -> pd.DataFrame:
    """Run a query and return its rows. Columns keep their order and names, which must be distinct."""
    with connection.cursor(binary=True) as cursor:
        for oid in (TIMESTAMP, TIMESTAMPTZ):
            cursor.adapters.register_loader(oid, _Microseconds)
        cursor.adapters.register_loader(DATE, _Days)
        cursor.execute(sql.encode(), params)
        description = cursor.description or []
        rows = cursor.fetchall()
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(description)
    return pd.DataFrame(
        {column.name: _series(column.type_code, values) for column, values in zip(description, columns, strict=True)}
    )


def _series(oid: int, values: Sequence[Any]) -> Any:
    if oid in INTEGERS:
        missing = None in values
        return pd.array(values, dtype="Int64") if missing else np.array(values, dtype=np.int64)
    if oid in FLOATS:
        return np.array(values, dtype=np.float64)
    if oid == BOOLEAN:
        return pd.array(values, dtype="boolean") if None in values else np.array(values, dtype=bool)
    if oid in TEXTS:
        return pd.Series(values, dtype="str")
    if oid in {DATE, TIMESTAMP, TIMESTAMPTZ}:
        nothing = np.iinfo(np.int64).min  # what NaT is in memory
        times = np.array([nothing if value is None else value for value in values], dtype=np.int64)
        series = pd.Series(times.view("datetime64[us]"))
        return series.dt.tz_localize("UTC") if oid == TIMESTAMPTZ else series
    return pd.Series(list(values), dtype=object)
