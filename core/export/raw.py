"""A range of raw events as an iterator of bytes, straight from the database's COPY."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, cast

from core.exceptions import BadParameterError
from core.export.columns import csv_sql, json_sql, selected
from core.export.parquet import as_parquet
from core.periods import Period, resolve
from core.reports import frame as framing
from core.reports.frame import Day
from core.sql import load
from core.storage.connections import unavailable
from core.storage.database import Database
from core.storage.replica import connect_up_to

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
"""Name (and file extension) of each format, and its media type."""

CHUNK_BYTES = 256 * 1024
SORT_MEMORY = "64MB"
"""For a day's sort; more of it goes through the server's temporary files."""

CSV_OPTIONS = "FORMAT csv, ENCODING 'UTF8'"
# Text COPY would double the backslashes of JSON. CSV leaves a value as it is unless it holds the quote, the delimiter
# or a line end: JSON writes all three as escapes, so a row is never quoted.
JSON_OPTIONS = r"FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02', ENCODING 'UTF8'"


class RawExport:
    """Events of `[start, end)` in a format, once, as chunks of bytes; ended early, it closes its connection.

    `rows` counts what was given out so far. `sha256` (hex, of all bytes) is there when the iteration
    came to its end, None before: what was cut off has no checksum.
    """

    def __init__(
        self, database: Database, period: Period, file_format: str, filters: dict[str, Any], *, metadata: bool
    ) -> None:
        self.file_format = file_format
        self.media_type = FORMATS[file_format]
        self.start, self.end = period.start, period.end
        self.columns = [column.name for column in selected(metadata=metadata)]
        self.rows = 0
        self.sha256: str | None = None
        self._database = database
        self._filters = filters
        self._selected = selected(metadata=metadata)
        self._chunks = self._hashed()

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def __enter__(self) -> RawExport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, wherever it is. Safe to repeat."""
        self._chunks.close()

    def _hashed(self) -> Generator[bytes]:
        digest = hashlib.sha256()
        for chunk in self._formatted():
            digest.update(chunk)
            yield chunk
        self.sha256 = digest.hexdigest()

    def _formatted(self) -> Iterator[bytes]:
        if self.file_format == "csv":
            yield ",".join(self.columns).encode() + b"\n"
            yield from self._copied(csv_sql(self._selected, safe=True), CSV_OPTIONS)
        elif self.file_format == "ndjson":
            yield from self._copied(json_sql(self._selected), JSON_OPTIONS)
        elif self.file_format == "json":
            opening = b"[\n"
            for chunk in self._copied(f"',' || {json_sql(self._selected)}", JSON_OPTIONS):
                yield opening + chunk[1:] if opening else chunk
                opening = b""
            yield opening + b"]\n"
        else:
            yield from as_parquet(self._copied(csv_sql(self._selected, safe=False), CSV_OPTIONS), self._selected)

    def _copied(self, select: str, options: str) -> Iterator[bytes]:
        """Whole rows in chunks. Each UTC day is a statement of its own, so that sorting and its snapshot stay short."""
        # the text is ours, from declarations; values are bound by psycopg
        statement = f"COPY (SELECT {select} FROM ({load('raw_events')}) AS r) TO STDOUT ({options})"  # noqa: S608
        with unavailable(), connect_up_to(self._database, self.end) as connection:
            try:
                connection.execute(f"SET work_mem = '{SORT_MEMORY}'".encode())
                for first, last in _days(self.start, self.end):
                    parameters = self._filters | {"start": first, "end": last}
                    with connection.cursor().copy(statement.encode(), parameters) as copy:
                        yield from self._gathered(cast("Iterator[memoryview]", copy))
            except GeneratorExit:
                connection.close()  # rather than read the rest of the COPY
                raise

    def _gathered(self, rows: Iterator[bytes | memoryview]) -> Iterator[bytes]:
        """Rows (COPY sends each on its own) joined to chunks of about CHUNK_BYTES."""
        waiting: list[bytes | memoryview] = []
        size = 0
        for row in rows:
            waiting.append(row)
            size += len(row)
            if size >= CHUNK_BYTES:
                self.rows += len(waiting)
                yield b"".join(waiting)
                waiting, size = [], 0
        if waiting:
            self.rows += len(waiting)
            yield b"".join(waiting)


def raw_events(
    database: Database,
    start: Day,
    end: Day,
    file_format: str = "csv",
    *,
    time_zone: str = "UTC",
    event_type: str | None = None,
    kind: int | None = None,
    client: str | None = None,
    error_code: str | None = None,
    metadata: bool = True,
) -> RawExport:
    """The events of a range (dates inclusive in `time_zone`, or any instants, half-open), ordered by timestamp and id.

    Nothing is read before the iteration, which raises DatabaseUnavailableError. Events that arrive meanwhile are taken
    for the days not reached yet. Raises BadParameterError.
    """
    if file_format not in FORMATS:
        raise BadParameterError(f"format {file_format!r} is unknown; use one of {', '.join(FORMATS)}.")
    filters: dict[str, Any] = {
        "event_type": framing.checked_event_type(event_type),
        "kind": framing.checked_kind(kind, event_type),
        "client": client,
        "error_code": framing.checked_error_code(error_code),
    }
    period = resolve(start, end, zone=time_zone, granularity="day")
    return RawExport(database, period, file_format, filters, metadata=metadata)


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """`[start, end)` cut at midnights of UTC, where the chunks of the raw table are."""
    first = start.astimezone(UTC)
    while first < end:
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        yield first, min(midnight, end)
        first = midnight
