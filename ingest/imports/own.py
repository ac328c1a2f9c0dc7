"""Our own exports (see `core.export`): NDJSON, the JSON array of one row a line, and CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from core.export.columns import COLUMNS
from core.export.formulas import unescaped
from core.records import Event
from ingest.imports.lines import BadLine, Row, shown

Utc = Annotated[datetime, Meta(tz=True)]


class ExportedRow(msgspec.Struct):
    """A row as our exports write it. `id` and `bytes_transferred` follow from the others."""

    client_id: str
    event_type: str
    timestamp: Utc
    outcome: str
    bytes_in: int
    bytes_out: int
    payload_in: int
    payload_out: int
    events_out: int
    relay: str
    event_id: str | None = None
    metadata: dict[str, Any] | None = None
    response_time_ms: float | None = None
    error_code: str | None = None
    kind: int | None = None
    first_event_ms: float | None = None
    app: str | None = None
    connection: int = 0


_decode_row = msgspec.json.Decoder(ExportedRow).decode
_decode_metadata = msgspec.json.Decoder(dict[str, Any]).decode
NEEDED = tuple(field.name for field in msgspec.structs.fields(ExportedRow) if field.required)
NAMES = frozenset(column.name for column in COLUMNS if column.kind == "name")
NULLABLE = frozenset(column.name for column in COLUMNS if column.nullable)


def row_of(exported: ExportedRow) -> Row:
    """The record of an exported row. Raises BadLine when its event id is no hex."""
    try:
        event_id = None if exported.event_id is None else bytes.fromhex(exported.event_id)
    except ValueError:
        raise BadLine("event_id is no hexadecimal text") from None
    return Row(
        Event(
            round(exported.timestamp.timestamp() * 1_000_000),
            exported.client_id,
            exported.event_type,
            exported.outcome,
            exported.error_code,
            exported.response_time_ms,
            exported.first_event_ms,
            exported.bytes_in,
            exported.bytes_out,
            exported.payload_in,
            exported.payload_out,
            exported.events_out,
            exported.kind,
            event_id,
            exported.connection,
            exported.app,
            exported.metadata,
        ),
        exported.relay,
    )


def parse_json(text: bytes) -> Row:
    """A row of NDJSON. Raises BadLine."""
    try:
        return row_of(_decode_row(text))
    except msgspec.ValidationError as error:
        raise BadLine(_repeating(error)) from None
    except (ValueError, RecursionError, OverflowError):
        raise BadLine("no JSON object") from None


def parse_fields(fields: Mapping[str, str]) -> Row:
    """A row of CSV, by column. Raises BadLine."""
    values: dict[str, Any] = {
        name: None if text == "" and name in NULLABLE else unescaped(text) if name in NAMES else text
        for name, text in fields.items()
    }
    try:
        if values.get("metadata") is not None:
            values["metadata"] = _decode_metadata(values["metadata"])
        return row_of(msgspec.convert(values, ExportedRow, strict=False))
    except msgspec.ValidationError as error:
        raise BadLine(_repeating(error)) from None
    except (ValueError, RecursionError, OverflowError):
        raise BadLine("a value cannot be read") from None


def _repeating(error: msgspec.ValidationError) -> str:
    """The message without what differs from line to line."""
    return str(error).replace("`", "").partition(" - at ")[0].strip() + _place(str(error))


def _place(message: str) -> str:
    place = message.partition(" - at ")[2].replace("`", "").removeprefix("$.")
    return f" ({place.split('.')[0].split('[')[0]})" if place else ""


class JsonReader:
    """NDJSON; with `array`, the rows of a JSON array as our export writes it: one a line, commas in front."""

    is_log = False

    def __init__(self, *, array: bool = False) -> None:
        self.name = "json" if array else "ndjson"
        self._array = array

    def read(self, line: bytes) -> Sequence[Row]:
        text = line.strip()
        if self._array:
            text = text.removeprefix(b"[").removeprefix(b",").removesuffix(b"]").removesuffix(b",").strip()
        return (parse_json(text),) if text else ()

    def flush(self) -> Sequence[Row]:
        return ()

    def sample(self, line: bytes) -> str:
        return shown(line)


MOST_JOINED = 100
"""Lines that one record of CSV may go over: a name may hold line ends."""


class CsvReader:
    """CSV with our header line. A quoted name may go on over several lines."""

    name = "csv"
    is_log = False

    def __init__(self) -> None:
        self._header: list[str] | None = None
        self._waiting: list[bytes] = []

    def read(self, line: bytes) -> Sequence[Row]:
        if self._header is None:
            self._header = header_of(line)
            return ()
        self._waiting.append(line)
        if sum(part.count(b'"') for part in self._waiting) % 2 and len(self._waiting) < MOST_JOINED:
            return ()
        text, self._waiting = b"\n".join(self._waiting), []
        return (self._record(text),) if text.strip() else ()

    def flush(self) -> Sequence[Row]:
        text, self._waiting = b"\n".join(self._waiting), []
        return (self._record(text),) if text else ()

    def sample(self, line: bytes) -> str:
        return shown(line)

    def _record(self, text: bytes) -> Row:
        assert self._header is not None  # noqa: S101 (for the type checker)
        try:
            (values,) = csv.reader([text.decode()], strict=True)
        except (csv.Error, ValueError):
            raise BadLine("no well-formed CSV") from None
        if len(values) != len(self._header):
            raise BadLine(f"not as many fields as the header has ({len(self._header)})")
        return parse_fields(dict(zip(self._header, values, strict=True)))


def header_of(line: bytes) -> list[str]:
    """The column names of a header line. Raises BadLine when it is not that of our export."""
    names = line.decode("utf-8", "replace").removeprefix("\ufeff").strip().split(",")
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise BadLine(f"the header lacks {', '.join(missing)}")
    return names
