"""The answer to a call for a report: JSON, or a file of one table (a workbook of all), with an entity tag."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from fastapi import Request, Response
from pydantic import Field

from api.guard import Access
from core.audit import record
from core.export.payload import data_out, meta_out
from core.export.tables import AS_FILE, MEDIA_TYPES, as_workbook
from core.reports.declaration import Report, Result, Table

FILE_FORMATS = tuple(MEDIA_TYPES)


def file_fields(tables: Sequence[Table]) -> dict[str, Any]:
    """The query parameters `format` and `table` of a report with these tables."""
    return {
        "format": (
            Literal[("json", *FILE_FORMATS)],
            Field("json", description="JSON, or a file: of `table`; of all tables in a workbook (`xlsx`)."),
        ),
        "table": (
            Literal[tuple(table.name for table in tables)],
            Field(None, description="Only this table. Default: all in JSON and workbooks, the first in other files."),
        ),
    }


def as_json(request: Request, result: Result, query: dict[str, Any], tables: Sequence[Table], **more: Any) -> Response:
    """`data` and `meta`, and `more` beside them; 304 without a body when the caller has the same already."""
    data, meta = data_out(result, tables), meta_out(result.meta, query, tables)
    etag = _etag(msgspec.json.encode(data), meta)
    if _has(request, etag):
        return Response(status_code=304, headers=_cached(etag))
    body = msgspec.json.encode({"data": data, "meta": meta, **more})
    return Response(body, media_type="application/json", headers=_cached(etag))


def as_file(
    request: Request, report: Report, result: Result, query: dict[str, Any], access: Access, now: datetime
) -> Response:
    """A file of the table `query` asks for, as a download. It is recorded with its checksum in the audit log."""
    file_format, wanted = query["format"], query["table"]
    tables = [table for table in report.tables if wanted in (None, table.name)]
    meta = meta_out(result.meta, query, tables)
    if file_format == "xlsx":
        body = as_workbook(result.tables, tuple(tables))
        etag = _etag(msgspec.json.encode(data_out(result, tables)), meta)  # a workbook holds the time it was made at
    else:
        tables = tables[:1]
        body = AS_FILE[file_format](result[tables[0].name], tables[0])
        etag = _etag(body, meta)
    if _has(request, etag):
        return Response(status_code=304, headers=_cached(etag))
    rows = sum(len(result[table.name]) for table in tables)
    record(
        request.app.state.database, access.actor, "export.report", now, report=report.name, query=meta["query"],
        tables=[table.name for table in tables], rows=rows, bytes=len(body), sha256=hashlib.sha256(body).hexdigest(),
    )  # fmt: skip
    name = file_name(result, tables[0].name if len(tables) == 1 else "tables", file_format)
    headers = _cached(etag) | {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Export-ID": access.request_id,
    }
    return Response(body, media_type=MEDIA_TYPES[file_format], headers=headers)


def file_name(result: Result, table: str, extension: str) -> str:
    meta = result.meta
    prefix = "demo_" if meta.demo else ""
    return f"{prefix}{meta.report}_{table}_{meta.start:%Y%m%dT%H%M}_{meta.end:%Y%m%dT%H%M}.{extension}"


def _cached(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "private, no-cache"}


def _etag(data: bytes, meta: dict[str, Any]) -> str:
    """A weak tag of what a result says: neither when it was asked, nor where, nor samples after its end make another
    result."""
    upto, end = meta["complete_up_to"], meta["end"]
    covered = upto is not None and datetime.fromisoformat(upto) >= datetime.fromisoformat(end)
    said = meta | {"generated_at": None, "replica_lag": None, "complete_up_to": end if covered else upto}
    digest = hashlib.sha256(data)
    digest.update(msgspec.json.encode(said))
    return f'W/"{digest.hexdigest()[:32]}"'


def _has(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag.removeprefix("W/") in (
        tag.strip().removeprefix("W/") for tag in given.split(",")
    )
