"""Downloads: a table of a report, or raw events, as a file; for a signed-in visitor who may have it, and recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pandas as pd
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from core import audit, export
from core.accounts import sessions
from core.accounts.users import User
from core.exceptions import BadParameterError, NotAllowedError
from core.export.tables import AS_FILE, MEDIA_TYPES, as_workbook
from core.permissions import decide, limited_to, require, resource_of
from core.reports import REPORTS
from core.reports.declaration import Report, Result, Table
from core.settings import get_settings
from dashboard.filters import Filters, kind_of
from dashboard.places import BASE, COOKIE, database, now
from dashboard.reading import read_arguments

FORMATS = MEDIA_TYPES | {"json": "application/json"}
SHOWN = ("csv", "json", "xlsx")
"""The formats that a card links to; the address takes the others too."""
STATUS: dict[type[Exception], int] = {NotAllowedError: 403, BadParameterError: 422}


def links(report: Report, table: str, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and address of each download of a table, with the arguments its page used."""
    query = urlencode({name: _text(value) for name, value in arguments.items() if value is not None})
    return [(name.upper(), f"{BASE}/export/{report.name}/{table}.{name}?{query}") for name in SHOWN]


def raw_links(start: str | date, end: str | date, filters: Filters) -> list[tuple[str, str]]:
    """Label and address of the raw events of a range in every format."""
    query = urlencode({"start": _text(start), "end": _text(end), "time_zone": filters.time_zone} | filters.chosen())
    return [(name.upper(), f"{BASE}/export/raw.{name}?{query}") for name in export.FORMATS]


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def download(request: Request) -> Response:
    """One table of a report, as `{table}.csv` and so on. `at`: the moment of the report; else now."""
    user = _visitor(request)
    table, _, file_format = request.path_params["file"].rpartition(".")
    report = REPORTS.get(request.path_params["report"])
    if report is None or file_format not in FORMATS:
        raise HTTPException(404, "There is no such download.")
    resource = resource_of(report.name)
    require(user, "export", resource)
    given = dict(request.query_params)
    at = _moment(given.pop("at", None))
    arguments = {"time_zone": get_settings().time_zone} | read_arguments(report, given)
    if resource != "report":
        arguments["client"] = limited_to(user, arguments.get("client"))
    declared = next((one for one in report.tables if one.name == table), None)
    if declared is None:
        raise HTTPException(404, "There is no such table.")
    query = {name: _text(value) for name, value in arguments.items() if value is not None}
    _record(request, user, "export.report", report=report.name, tables=[table], format=file_format, query=query)
    result = report(database(), now=at, **arguments)
    return Response(
        as_file(result, declared, file_format),
        media_type=FORMATS[file_format],
        headers=_headers(f"{_file_name(result, table, at)}.{file_format}"),
    )


def download_raw(request: Request) -> Response:
    """Raw events as a stream, in flat memory; cut off, it ends without its last chunk."""
    user = _visitor(request)
    given = dict(request.query_params)
    client = limited_to(user, given.get("client"))
    require(user, "export", "events", client)
    events = export.raw_events(
        database(),
        given.get("start", ""),
        given.get("end", ""),
        request.path_params["format"],
        time_zone=given.get("time_zone", get_settings().time_zone),
        event_type=given.get("event_type"),
        kind=kind_of(given.get("kind")),
        client=client,
        error_code=given.get("error_code"),
        metadata=decide(user, "export", "metadata").allowed,
    )
    _record(request, user, "export.events", query=given | {"client": client, "format": events.file_format})
    last = events.end - timedelta(microseconds=1)
    prefix = "demo_" if database().demo else ""
    name = f"{prefix}events_{events.start:%Y-%m-%d}_{last:%Y-%m-%d}.{events.file_format}"
    return StreamingResponse(iter(events), media_type=events.media_type, headers=_headers(name))


def refused(_: Request, error: Exception) -> Response:
    """What these routes answer when something cannot be had, in a sentence."""
    return PlainTextResponse(str(error), status_code=STATUS.get(type(error), 422))


def as_file(result: Result, table: Table, file_format: str) -> bytes:
    """A table of a result in one of FORMATS."""
    if file_format == "json":
        return as_json(result, table.name).encode()
    if file_format == "xlsx":
        return as_workbook({table.name: result[table.name]}, (table,))
    return AS_FILE[file_format](result[table.name], table)


def _visitor(request: Request) -> User:
    """Who asks. Raises HTTPException (401)."""
    user = sessions.user_of(database(), request.cookies.get(COOKIE), now())
    if user is None:
        raise HTTPException(401, "Sign in first.")
    return user


def _record(request: Request, user: User, action: str, **details: Any) -> None:
    actor = audit.Actor(user.username, "page", request.state.request_id)
    audit.record(database(), actor, action, now(), **details)


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def _file_name(result: Result, table: str, at: datetime) -> str:
    """What it holds and of when: `traffic_timeline_2026-01-01_2026-01-31`."""
    meta = result.meta
    prefix = "demo_" if meta.demo else ""
    if meta.report == "realtime":
        return f"{prefix}realtime_{table}_{at:%Y%m%dT%H%M%SZ}"
    last = meta.end - pd.Timedelta(microseconds=1)
    return f"{prefix}{meta.report}_{table}_{meta.start:%Y-%m-%d}_{last:%Y-%m-%d}"


def _moment(text: str | None) -> datetime:
    if text is None:
        return now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadParameterError(f"A parameter cannot be read: {error}.") from error
    if at.tzinfo is None:
        raise BadParameterError("`at` needs a time zone, such as 2024-01-01T12:00:00+00:00.")
    return at


def as_json(result: Result, table: str) -> str:
    """The table as a list of objects, with what the result says of itself."""
    rows = json.loads(result[table].to_json(orient="records", date_format="iso"))
    meta = result.meta
    about = {
        "report": meta.report,
        "table": table,
        "start": meta.start.isoformat(),
        "end": meta.end.isoformat(),
        "time_zone": meta.time_zone,
        "generated_at": meta.generated_at.isoformat(),
        "complete_up_to": meta.complete_up_to.isoformat() if meta.complete_up_to else None,
        "demo": meta.demo,
        "replica_lag": meta.replica_lag,
        "warnings": list(meta.warnings),
    }
    return json.dumps({"meta": about, "data": rows}, ensure_ascii=False)
