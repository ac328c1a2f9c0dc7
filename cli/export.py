"""`relay-analytics export`: raw events of a range into a file."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.database import Demo, opened
from core import audit
from core import export as exports
from core.settings import get_settings

Start = Annotated[str, typer.Option(help="First day, or an instant such as 2026-01-31T12:00:00+00:00.")]
End = Annotated[str, typer.Option(help="Last day, included, or the instant before which the range ends.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file; it appears when it is complete.")]
Format = Annotated[str, typer.Option("--format", help=f"One of {', '.join(exports.FORMATS)}.")]
Zone = Annotated[str | None, typer.Option(help="IANA zone in which days begin. Default: the setting TIME_ZONE.")]
EventType = Annotated[str | None, typer.Option(help="Only messages of this verb.")]
Kind = Annotated[int | None, typer.Option(help="Only EVENT messages of this Nostr kind.")]
Client = Annotated[str | None, typer.Option(help="Only messages of the client of this client_id.")]
ErrorCode = Annotated[str | None, typer.Option(help="Only messages that failed with this code.")]
Metadata = Annotated[bool, typer.Option(help="Whether to include the column metadata.")]


def export(
    start: Start,
    end: End,
    output: Output,
    file_format: Format = "csv",
    time_zone: Zone = None,
    event_type: EventType = None,
    kind: Kind = None,
    client: Client = None,
    error_code: ErrorCode = None,
    metadata: Metadata = True,
    demo: Demo = None,
) -> None:
    """Write the raw events of a range to a file; prints how many and the SHA-256 of the file."""
    part = output.with_name(output.name + ".part")
    with opened(demo) as database:
        events = exports.raw_events(
            database, start, end, file_format, time_zone=time_zone or get_settings().time_zone, event_type=event_type,
            kind=kind, client=client, error_code=error_code, metadata=metadata,
        )  # fmt: skip
        asked: dict[str, Any] = {
            "format": file_format,
            "start": events.start.isoformat(),
            "end": events.end.isoformat(),
        }
        asked |= {"client": client, "metadata": metadata, "file": str(output)}
        audit.record(database, audit.operator(), "export.events", datetime.now(UTC), query=asked)
        try:
            with events, part.open("wb") as file:
                for chunk in events:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
    print(f"{events.rows} events in {output}, sha256 {events.sha256}")
