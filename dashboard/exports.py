"""Downloads: a table of a report as a file, for a signed-in visitor whose role includes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import urlencode

import pandas as pd
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from core import export
from core.accounts import sessions
from core.audit import Actor, record
from core.exceptions import BadParameterError
from core.export.tables import as_csv
from core.permissions import decide, limited_to, resource_of
from core.reports import REPORTS
from core.reports.declaration import Report, Result
from core.settings import get_settings
from dashboard.data import allowed
from dashboard.filters import Filters
from dashboard.places import BASE, COOKIE, database, now
from dashboard.reading import read_arguments

FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def links(report: Report, table: str, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and address of each download of a table, with the arguments its page used."""
    query = urlencode({name: _text(value) for name, value in arguments.items() if value is not None})
    return [(name.upper(), f"{BASE}/export/{report.name}/{table}.{name}?{query}") for name in FORMATS]


def raw_links(start: str | date, end: str | date, filters: Filters) -> str:
    """Links to the raw events of a range in every format, as HTML."""
    given = {"start": _text(start), "end": _text(end), "time_zone": filters.time_zone} | filters.chosen()
    query = urlencode(given)
    return (
        '<div class="links">'
        + "".join(
            f'<a href="{BASE}/export/raw.{name}?{escape(query)}" download>{name.upper()}</a>' for name in export.FORMATS
        )
        + "</div>"
    )


def download_raw(request: Request) -> Response:
    """Raw events as a stream, in flat memory; cut off, it ends without its last chunk."""
    user = sessions.user_of(database(), request.cookies.get(COOKIE), now())
    if user is None:
        return PlainTextResponse("Sign in first.", status_code=401)
    decision = decide(user, "export", "events")
    if not decision.allowed:
        return PlainTextResponse(decision.reason, status_code=403)
    given = dict(request.query_params)
    try:
        events = export.raw_events(
            database(),
            given.get("start", ""),
            given.get("end", ""),
            request.path_params["format"],
            time_zone=given.get("time_zone", get_settings().time_zone),
            event_type=given.get("event_type"),
            kind=int(given["kind"]) if given.get("kind", "").isdecimal() else None,
            client=limited_to(user, given.get("client")),
            error_code=given.get("error_code"),
            metadata=decide(user, "export", "metadata").allowed,
        )
    except BadParameterError as error:
        return PlainTextResponse(str(error), status_code=422)
    asked = given | {"client": limited_to(user, given.get("client")), "format": events.file_format}
    record(database(), Actor(user.username, "page"), "export.events", now(), query=asked)
    last = events.end - timedelta(microseconds=1)
    prefix = "demo_" if database().demo else ""
    name = f"{prefix}events_{events.start:%Y-%m-%d}_{last:%Y-%m-%d}.{events.file_format}"
    return StreamingResponse(
        iter(events),
        media_type=events.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def download(request: Request) -> Response:
    """One table of a report, as `{table}.csv` or `{table}.json`. `at`: the moment of the report; else now."""
    user = sessions.user_of(database(), request.cookies.get(COOKIE), now())
    if user is None:
        return PlainTextResponse("Sign in first.", status_code=401)
    decision = decide(user, "export", resource_of(request.path_params["report"]))
    if not decision.allowed:
        return PlainTextResponse(decision.reason, status_code=403)
    table, _, file_format = request.path_params["file"].rpartition(".")
    report = REPORTS.get(request.path_params["report"])
    if report is None or file_format not in FORMATS:
        return PlainTextResponse("There is no such download.", status_code=404)
    try:
        given = dict(request.query_params)
        at = _moment(given.pop("at", None))
        arguments = {"time_zone": get_settings().time_zone} | read_arguments(report, given)
        arguments = allowed(user, report, arguments)
        result = report(database(), now=at, **arguments)
    except BadParameterError as error:
        return PlainTextResponse(str(error), status_code=422)
    if table not in result.tables:
        return PlainTextResponse("There is no such table.", status_code=404)
    declared = next(one for one in report.tables if one.name == table)
    body = as_csv(result[table], declared) if file_format == "csv" else as_json(result, table).encode()
    query = {name: _text(value) for name, value in arguments.items()}
    about = {"report": report.name, "tables": [table], "format": file_format, "query": query}
    record(database(), Actor(user.username, "page"), "export.report", now(), **about)
    return Response(
        body,
        media_type=FORMATS[file_format],
        headers={
            "Content-Disposition": f'attachment; filename="{_file_name(result, table, at)}.{file_format}"',
            "Cache-Control": "no-store",
        },
    )


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
        "warnings": list(meta.warnings),
    }
    return json.dumps({"meta": about, "data": rows}, ensure_ascii=False)
