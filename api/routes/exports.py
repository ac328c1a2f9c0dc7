"""Exports of raw events, streamed from the database, and the record of each with its row count and checksum."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import anyio.to_thread
import structlog
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.datastructures import State
from starlette.exceptions import HTTPException

from api.guard import Access, Guard
from api.parameters import TEXT, Day, Strict, field, whole_range
from api.routes.common import NOT_FOUND, given, guarded, router, with_signature
from core import audit, export
from core.audit import Entry
from core.export.raw import RawExport
from core.records import ERROR_CODES, EVENT_TYPES
from core.storage.database import Database

log = structlog.get_logger("api")
GZIP = 16 + zlib.MAX_WBITS
LEVEL = 1
"""Of gzip: an export shall not wait for its compression."""


class ExportQuery(Strict):
    start_date: Day = field(
        None, "First day, in the time zone, or an instant. Default: 7 days, up to today.", "start_date"
    )
    end_date: Day = field(None, "Last day, included, or the instant before which the range ends.", "end_date")
    tz: str = field(None, "IANA zone in which days begin. Default: the setting TIME_ZONE.", "tz", **TEXT)
    event_type: Literal[EVENT_TYPES] = field(None, "Only messages of this verb.")  # type: ignore[valid-type]
    kind: int = field(None, "Only EVENT messages of this Nostr kind.", ge=0, le=65535)
    client_id: str = field(None, "Only messages of this client.", "client_id", **TEXT)
    error_code: Literal[ERROR_CODES] = field(None, "Only messages that failed with this code.")  # type: ignore[valid-type]
    metadata: bool = field(None, "Whether to include the column `metadata`. Default: if the token's role includes it.")


class ExportRecord(BaseModel):
    """What is known of an export: enough to tell whether a file is whole."""

    export_id: str = Field(examples=["5f2b6c1de0a94f37"])
    user: str
    started_at: datetime
    state: Literal["complete", "interrupted", "unfinished"] = Field(
        description="`unfinished`: it runs, or the API was stopped while it ran"
    )
    rows: int | None = Field(description="Rows of the file, without a header; null until it is complete")
    bytes: int | None = Field(description="Size of the file, before any Content-Encoding")
    sha256: str | None = Field(description="Of the file, before any Content-Encoding; null until it is complete")
    query: dict[str, Any]


def routes() -> APIRouter:
    made = router("exports")
    for file_format in export.FORMATS:
        _add_format(made, file_format)

    @made.get("/exports/{export_id}", responses=NOT_FOUND, summary="Whether an export is complete")
    def record_of_export(
        request: Request,
        access: Annotated[Access, Depends(Guard("read", "exports"))],
        export_id: Annotated[str, Path(description="The header `X-Export-ID` of the export", pattern="^[0-9a-f]{16}$")],
        asked: Annotated[Strict, Query()],
    ) -> ExportRecord:
        """Row count and SHA-256 of an export that this token's user made (an administrator: anyone's)."""
        found = audit.entries(request.app.state.database, request_id=export_id, action="export.")
        if not found or (access.caller.role != "admin" and found[0].actor != access.caller.username):
            raise HTTPException(404, "There is no such export of yours.")
        return _record(export_id, found)

    return made


def _add_format(made: APIRouter, file_format: str) -> None:
    def endpoint(request: Request, access: Access, asked: ExportQuery) -> Response:
        return _stream(request, access, asked, file_format)

    media_type = export.FORMATS[file_format].partition(";")[0]
    body: dict[str, Any] = {"type": "string", "format": "binary"}
    if file_format == "json":
        body = {"type": "array", "items": {"type": "object"}}
    made.add_api_route(
        f"/export/{file_format}",
        with_signature(endpoint, request=Request, access=guarded(Guard("export", "events")), asked=given(ExportQuery)),
        name=f"export_{file_format}",
        summary=f"Raw events as {file_format.upper()}",
        description="The events of a range, ordered by their time, streamed. `X-Export-ID` names the record under "
        "`/exports/{export_id}` that has the row count and the SHA-256 once the last byte is sent.",
        response_class=Response,
        responses={200: {"description": "The file", "content": {media_type: {"schema": body}}}},
    )


def _stream(request: Request, access: Access, asked: ExportQuery, file_format: str) -> Response:
    settings, database = request.app.state.settings, request.app.state.database
    zone = asked.tz or settings.time_zone
    if asked.metadata:
        access.require("export", "metadata")
    metadata = access.may("export", "metadata") if asked.metadata is None else asked.metadata
    filters = asked.model_dump(include={"event_type", "kind", "error_code"})
    filters |= {"client": access.limited_to(asked.client_id), "time_zone": zone, "metadata": metadata}
    days = whole_range(asked.start_date, asked.end_date, zone, datetime.now(UTC), widen=False)
    events = export.raw_events(database, days["start"], days["end"], file_format, **filters)
    held = ExitStack()
    held.enter_context(request.app.state.export_slots.taken())
    query = {
        name: value if value is None or isinstance(value, bool | int) else str(value) for name, value in filters.items()
    }
    query |= {"format": file_format, "start": events.start.isoformat(), "end": events.end.isoformat()}
    try:
        audit.record(database, access.actor, "export.events", datetime.now(UTC), query=query)
    except BaseException:
        held.close()
        raise
    compressed = "gzip" in request.headers.get("accept-encoding", "") and file_format != "parquet"
    name = f"{'demo_' if database.demo else ''}events_{events.start:%Y%m%dT%H%M}_{events.end:%Y%m%dT%H%M}.{file_format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Export-ID": access.request_id}
    headers |= {"Content-Encoding": "gzip"} if compressed else {}
    body = _sent(request.app.state, access, events, held, compressed=compressed)
    return StreamingResponse(body, media_type=events.media_type, headers=headers)


async def _sent(
    state: State, access: Access, events: RawExport, held: ExitStack, *, compressed: bool
) -> AsyncIterator[bytes]:
    """The file in pieces, each made in a thread. However it ends, the slot is given back and the end is recorded; an
    error cuts the connection before the last chunk, so that no client takes a part for the whole."""
    size, threads = [0], state.export_threads  # of its own: exports do not wait for reports, nor reports for exports
    pieces = _gzipped(_counted(events, size)) if compressed else _counted(events, size)
    try:
        while (piece := await anyio.to_thread.run_sync(next, pieces, None, limiter=threads)) is not None:
            yield piece
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_ended, state.database, access, events, held, size, limiter=threads)


def _ended(database: Database, access: Access, events: RawExport, held: ExitStack, size: list[int]) -> None:
    with held:
        events.close()
        complete = events.sha256 is not None
        audit.record(
            database, access.actor, "export.complete" if complete else "export.interrupted", datetime.now(UTC),
            rows=events.rows, bytes=size[0], sha256=events.sha256,
        )  # fmt: skip
    if not complete:
        log.warning("export_interrupted", rows=events.rows)


def _counted(pieces: Iterator[bytes] | RawExport, size: list[int]) -> Generator[bytes]:
    for piece in pieces:
        size[0] += len(piece)
        yield piece


def _gzipped(pieces: Iterator[bytes]) -> Generator[bytes]:
    packer = zlib.compressobj(LEVEL, wbits=GZIP)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _record(export_id: str, found: list[Entry]) -> ExportRecord:
    first, last = found[-1], found[0]
    whole = last.action in ("export.complete", "export.report")
    state: Literal["complete", "interrupted", "unfinished"] = "complete" if whole else "unfinished"
    state = "interrupted" if last.action == "export.interrupted" else state
    details = last.details if whole else {}
    return ExportRecord(
        export_id=export_id,
        user=first.actor,
        started_at=first.at,
        state=state,
        rows=details.get("rows"),
        bytes=details.get("bytes"),
        sha256=details.get("sha256"),
        query=first.details["query"],
    )
