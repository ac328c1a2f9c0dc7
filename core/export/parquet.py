"""Rows of CSV as a Parquet file in pieces: parsed by Arrow chunk by chunk, written a row group at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from core.export.columns import ExportColumn

ROW_GROUP = 100_000
FLOATS = ("response_time_ms", "first_event_ms")


def schema(columns: Sequence[ExportColumn]) -> pa.Schema:
    """The types of the file: numbers as int64 or double, the timestamp in microseconds UTC, all else as text."""
    return pa.schema([pa.field(column.name, _type(column), nullable=column.nullable) for column in columns])


def as_parquet(csv_rows: Iterable[bytes], columns: Sequence[ExportColumn]) -> Iterator[bytes]:
    """The bytes of a file of those rows; `csv_rows`: whole rows without a header, null unquoted, "" an empty text."""
    types = schema(columns)
    read = pa_csv.ReadOptions(column_names=types.names, use_threads=False)
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    convert = pa_csv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    sink = _Sink()
    with pq.ParquetWriter(sink, types, compression="zstd") as writer:
        waiting: list[pa.Table] = []
        for rows in csv_rows:
            parsed = pa_csv.read_csv(pa.BufferReader(rows), read, parse, convert)
            waiting.append(parsed.cast(types))
            if sum(table.num_rows for table in waiting) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
                yield sink.taken()
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    yield sink.taken()


def _type(column: ExportColumn) -> pa.DataType:
    if column.name == "timestamp":
        return pa.timestamp("us", tz="UTC")
    if column.kind != "number":
        return pa.string()
    return pa.float64() if column.name in FLOATS else pa.int64()


class _Sink(io.RawIOBase):
    """A file that remembers only what was not taken yet."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._before = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        piece = bytes(data)
        self._waiting += piece
        return len(piece)

    def tell(self) -> int:
        return self._before + len(self._waiting)

    def taken(self) -> bytes:
        self._before += len(self._waiting)
        piece, self._waiting = bytes(self._waiting), bytearray()
        return piece
