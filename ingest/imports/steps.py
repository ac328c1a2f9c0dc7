"""A content as steps: for every line (or row of Parquet) its records, or why there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import msgspec
import pyarrow.parquet as pq

from ingest.imports.content import lines
from ingest.imports.lines import BadLine, PassedOver, Reader, Row
from ingest.imports.own import ExportedRow, row_of

ROWS_AT_ONCE = 5_000
TOO_LONG = "longer than a megabyte"


class Step(NamedTuple):
    """`end` is the position behind it. `bad` and `passed_over` say why it gives no records, else empty."""

    number: int
    end: int
    rows: Sequence[Row] = ()
    bad: str = ""
    passed_over: str = ""
    sample: str = ""


def of_lines(content: BinaryIO, reader: Reader, size: int, stops: Sequence[int]) -> Iterator[Step]:
    """The steps of the first `size` bytes. At each of `stops` (ends of lines, the last is `size`) the reader gives what
    still waits, as it did when the content ended there."""
    remaining = sorted(stops)
    for line in lines(content, size):
        if line.text is None:
            yield Step(line.number, line.end, bad=TOO_LONG)
        else:
            yield _read(reader.read, reader, line.number, line.end, line.text)
        while remaining and line.end >= remaining[0]:
            stop = remaining.pop(0)
            yield _read(lambda _: reader.flush(), reader, line.number, stop, line.text or b"")


def _read(read: Any, reader: Reader, number: int, end: int, text: bytes) -> Step:
    try:
        return Step(number, end, read(text))
    except PassedOver as why:
        return Step(number, end, passed_over=str(why))
    except BadLine as why:
        return Step(number, end, bad=str(why), sample=reader.sample(text))


def of_parquet(raw: BinaryIO, size: int) -> Iterator[Step]:
    """The rows of a Parquet file. All of them end where the file does: such a file does not grow."""
    number = 0
    for batch in pq.ParquetFile(raw).iter_batches(ROWS_AT_ONCE):
        for values in batch.to_pylist():
            number += 1
            yield _parquet_row(number, size, values)


def _parquet_row(number: int, size: int, values: dict[str, Any]) -> Step:
    try:
        if values.get("metadata") is not None:
            values["metadata"] = msgspec.json.decode(values["metadata"])
        return Step(number, size, (row_of(msgspec.convert(values, ExportedRow)),))
    except BadLine as why:
        return Step(number, size, bad=str(why))
    except (ValueError, RecursionError):
        return Step(number, size, bad="no row of our export")
