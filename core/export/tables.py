"""Tables of a report as files: CSV, NDJSON, Parquet, and a workbook with a sheet for each.

Columns are those of the declaration, in its order; instants are ISO 8601 in UTC; what is missing is empty or null.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from core.export.formulas import harmless
from core.reports.column_types import ColumnType, type_of
from core.reports.declaration import Table

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ARROW: Mapping[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "instant": pa.timestamp("us", tz="UTC"),
}


def values(frame: pd.DataFrame, table: Table) -> list[list[Any]]:
    """The columns of a table as plain values: None for what is missing, aware datetimes in their zone."""
    return [_plain(frame[column.name], type_of(column)) for column in table.columns]


def as_csv(frame: pd.DataFrame, table: Table) -> bytes:
    """With a header. Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.column_names)
    columns = [[harmless(_iso(value)) for value in column] for column in values(frame, table)]
    writer.writerows(zip(*columns, strict=True))
    return file.getvalue().encode()


def as_ndjson(frame: pd.DataFrame, table: Table) -> bytes:
    """One JSON object per line."""
    columns = [[_iso(value) for value in column] for column in values(frame, table)]
    rows = (dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True))
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def as_parquet(frame: pd.DataFrame, table: Table) -> bytes:
    fields = [pa.field(column.name, ARROW[type_of(column)]) for column in table.columns]
    columns = [pa.array(column, field.type) for column, field in zip(values(frame, table), fields, strict=True)]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=pa.schema(fields)), sink, compression="zstd")
    return sink.getvalue()


def as_workbook(frames: Mapping[str, pd.DataFrame], tables: tuple[Table, ...]) -> bytes:
    """An Excel workbook, a sheet per table. Instants are cells of the date type, in UTC; text is never a formula."""
    sink = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(sink, options) as book:
        instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        heading = book.add_format({"bold": True})
        for table in tables:
            sheet = book.add_worksheet(table.name[:31])  # Excel's longest name
            sheet.write_row(0, 0, table.column_names, heading)
            sheet.freeze_panes(1, 0)
            for place, column in enumerate(values(frames[table.name], table)):
                for row, value in enumerate(column, start=1):
                    if isinstance(value, datetime):
                        sheet.write_datetime(row, place, value.astimezone(UTC).replace(tzinfo=None), instant)
                    elif isinstance(value, str):
                        sheet.write_string(row, place, value)
                    else:
                        sheet.write(row, place, value)
    return sink.getvalue()


AS_FILE: Mapping[str, Callable[[pd.DataFrame, Table], bytes]] = {
    "csv": as_csv,
    "ndjson": as_ndjson,
    "parquet": as_parquet,
}
"""Formats that hold one table."""
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": XLSX,
}


def _plain(column: pd.Series[Any], kind: ColumnType) -> list[Any]:
    found = _objects(column)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub":
        return found  # nothing can be missing
    if kind == "integer":
        return [None if value is None or value != value else int(value) for value in found]
    return [None if value is None or value != value else value for value in found]


def _objects(column: pd.Series[Any]) -> list[Any]:
    """The values as Python's own, what is missing as None, NaN or NaT. By whole arrays: pandas' own ways around missing
    values took most of the time of a small table."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        moments: list[Any] = pd.DatetimeIndex(column).to_pydatetime().tolist()
        return moments
    found: list[Any]
    if not isinstance(column.dtype, np.dtype):
        found = column.array.to_numpy(dtype=object, na_value=None).tolist()
        return found
    found = column.to_numpy().tolist()
    return [_python(value) for value in found] if column.dtype.kind == "O" else found


def _python(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if value is pd.NA:
        return None
    return value.item() if isinstance(value, np.generic) else value


def _iso(value: Any) -> Any:
    """Instants as `2026-03-10T12:00:00Z`; with microseconds where there are some."""
    if not isinstance(value, datetime):
        return value
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
