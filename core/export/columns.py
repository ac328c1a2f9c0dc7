"""The columns of exported events, in their order, and the SQL that writes a row of them as CSV or as JSON.

They are the columns of the view `traffic_events`. Without metadata that column is left out; all others stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.export.formulas import APOSTROPHE, FORMULA_STARTS


@dataclass(frozen=True)
class ExportColumn:
    """`kind`: `number`; `word` (of our own lists, nothing to escape); `name` (from outside); `json`."""

    name: str
    meaning: str
    kind: Literal["number", "word", "name", "json"]
    sql: str
    nullable: bool = False


def _column(
    name: str, kind: Literal["number", "word", "name", "json"], meaning: str, nullable: bool = False, sql: str = ""
) -> ExportColumn:
    return ExportColumn(name, meaning, kind, sql or f"r.{name}", nullable)


TIMESTAMP_SQL = """to_char(r.timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
"""The session's time zone is UTC (see `Database.connect`)."""

COLUMNS = (
    _column("id", "number", "number of the row"),
    _column("event_id", "word", "Nostr event id, 64 hex digits", True, "encode(r.event_id, 'hex')"),
    _column("client_id", "name", "stable name of the client"),
    _column("event_type", "word", "verb of the message"),
    _column("timestamp", "word", "when the message arrived, ISO 8601 in UTC with microseconds", sql=TIMESTAMP_SQL),
    _column("metadata", "json", "what else was noted, such as the reason of a refusal; a JSON object", True),
    _column("response_time_ms", "number", "time to the answer, ms", True),
    _column("bytes_transferred", "number", "bytes_in + bytes_out"),
    _column("error_code", "word", "normalised prefix of the refusal; empty when nothing went wrong", True),
    _column("kind", "number", "Nostr kind of an EVENT or AUTH", True),
    _column("outcome", "word", "how the relay answered"),
    _column("bytes_in", "number", "wire bytes of the message"),
    _column("bytes_out", "number", "wire bytes of the answer"),
    _column("payload_in", "number", "bytes of the message itself"),
    _column("payload_out", "number", "bytes of the answer itself"),
    _column("events_out", "number", "stored events delivered in answer to a REQ"),
    _column("first_event_ms", "number", "time from a REQ to its first EVENT, ms", True),
    _column("relay", "name", "name of the relay"),
    _column("app", "name", "client application", True),
    _column("connection", "number", "number of the connection"),
)


def selected(*, metadata: bool) -> tuple[ExportColumn, ...]:
    """The columns of an export, in order."""
    return tuple(column for column in COLUMNS if metadata or column.name != "metadata")


def column_names(*, metadata: bool = True) -> list[str]:
    """Their names."""
    return [column.name for column in selected(metadata=metadata)]


def csv_sql(columns: tuple[ExportColumn, ...], *, safe: bool) -> str:
    """The select list of CSV. `safe`: a name that a spreadsheet would run gets an apostrophe in front (see APOSTROPHE).

    Numbers never do; words are ours; the text of a JSON object begins with a brace.
    """
    starts = ", ".join(str(ord(start)) for start in (*FORMULA_STARTS, APOSTROPHE))
    return ", ".join(
        f"CASE WHEN ascii({column.sql}) IN ({starts}) THEN '''' || {column.sql} ELSE {column.sql} END"
        if safe and column.kind == "name"
        else column.sql
        for column in columns
    )


def json_sql(columns: tuple[ExportColumn, ...]) -> str:
    """One text expression: the row as a JSON object. `row_to_json` takes half as long again."""
    parts = []
    for place, column in enumerate(columns):
        value = {
            "number": f"({column.sql})::text",
            "word": f"'\"' || {column.sql} || '\"'",
            "name": f"to_json({column.sql})::text",
            "json": f"({column.sql})::text",
        }[column.kind]
        value = f"coalesce({value}, 'null')" if column.nullable else value
        parts.append(f"'{'{' if place == 0 else ','}\"{column.name}\":' || {value}")
    return " || ".join(parts) + " || '}'"
