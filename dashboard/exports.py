"""Downloads: a table of a report, or raw events, as a file; for a signed-in visitor who may have it, and recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
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
from core.reports.declaration import Meta, Report, Result, Table
from core.settings import get_settings
from dashboard.filters import FILTERS, Filters, kind_of
from dashboard.places import BASE, COOKIE, database, now
from dashboard.reading import read_arguments

FORMATS = MEDIA_TYPES | {"json": "application/json"}
IMAGES = {"png": "image/png", "svg": "image/svg+xml"}
IMAGE_WIDTH = 960
SHOWN = ("csv", "json", "xlsx")
"""The formats that a card links to; the address takes the others too."""
STATUS: dict[type[Exception], int] = {NotAllowedError: 403, BadParameterError: 422}


def links(report: Report, table: str, arguments: Mapping[str, Any], chart: str | None = None) -> list[tuple[str, str]]:
    """Label and address of each download of a table, and of a chart as an image, with the arguments its page used."""
    query = urlencode({name: _text(value) for name, value in arguments.items() if value is not None})
    found = [(name.upper(), f"{BASE}/export/{report.name}/{table}.{name}?{query}") for name in SHOWN]
    images = IMAGES if chart is not None else ()
    return found + [(name.upper(), f"{BASE}/chart/{report.name}/{chart}.{name}?{query}") for name in images]


def raw_links(start: str | date, end: str | date, filters: Filters) -> list[tuple[str, str]]:
    """Label and address of the raw events of a range in every format."""
    query = urlencode({"start": _text(start), "end": _text(end), "time_zone": filters.time_zone} | filters.chosen())
    return [(name.upper(), f"{BASE}/export/raw.{name}?{query}") for name in export.FORMATS]


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


@dataclass(frozen=True)
class _Asked:
    """What a download is asked for, by someone who may have it: `{name}.{file_format}` of a report, as of `at`."""

    user: User
    report: Report
    name: str
    file_format: str
    arguments: dict[str, Any]
    at: datetime

    @property
    def query(self) -> dict[str, str]:
        return {name: _text(value) for name, value in self.arguments.items() if value is not None}

    def result(self) -> Result:
        return self.report(database(), now=self.at, **self.arguments)


def download(request: Request) -> Response:
    """One table of a report, as `{table}.csv` and so on. `at`: the moment of the report; else now."""
    asked = _asked(request, FORMATS)
    declared = next((one for one in asked.report.tables if one.name == asked.name), None)
    if declared is None:
        raise HTTPException(404, "There is no such table.")
    _record(request, asked.user, "export.report", report=asked.report.name, tables=[asked.name],
            format=asked.file_format, query=asked.query)  # fmt: skip
    result = asked.result()
    return Response(
        as_file(result, declared, asked.file_format),
        media_type=FORMATS[asked.file_format],
        headers=_headers(f"{_file_name(result, asked.name, asked.at)}.{asked.file_format}"),
    )


def download_chart(request: Request) -> Response:
    """One chart of a report as an image, `{chart}.svg` or `{chart}.png`, with its title, range and filters."""
    from core.documents import images  # takes a second to load, and few visits need it

    asked = _asked(request, IMAGES)
    if asked.name not in asked.report.charts:
        raise HTTPException(404, "There is no such chart.")
    _record(request, asked.user, "export.chart", report=asked.report.name, chart=asked.name,
            format=asked.file_format, query=asked.query)  # fmt: skip
    result = asked.result()
    caption = (asked.report.title, _caption(result.meta, asked.arguments))
    drawn: str | bytes
    if asked.file_format == "svg":
        drawn = images.chart_svg(result, asked.name, IMAGE_WIDTH, caption)
    else:
        drawn = images.chart_png(result, asked.name, IMAGE_WIDTH, caption)
    name = f"{_file_name(result, asked.name, asked.at)}.{asked.file_format}"
    return Response(drawn, media_type=IMAGES[asked.file_format], headers=_headers(name))


def _asked(request: Request, formats: Mapping[str, str]) -> _Asked:
    """Raises HTTPException, NotAllowedError and BadParameterError."""
    user = _visitor(request)
    name, _, file_format = request.path_params["file"].rpartition(".")
    report = REPORTS.get(request.path_params["report"])
    if report is None or file_format not in formats:
        raise HTTPException(404, "There is no such download.")
    resource = resource_of(report.name)
    require(user, "export", resource)
    given = dict(request.query_params)
    at = _moment(given.pop("at", None))
    arguments = {"time_zone": get_settings().time_zone} | read_arguments(report, given)
    if resource != "report":
        arguments["client"] = limited_to(user, arguments.get("client"))
    return _Asked(user, report, name, file_format, arguments, at)


def _caption(meta: Meta, arguments: Mapping[str, Any]) -> str:
    """What a chart covers: days, zone, filters."""
    last = meta.end - timedelta(microseconds=1)
    narrowed = [f"{FILTERS[name]} {arguments[name]}" for name in FILTERS if arguments.get(name) is not None]
    demo = ["demo data"] if meta.demo else []
    return " · ".join([f"{meta.start:%Y-%m-%d} to {last:%Y-%m-%d}", meta.time_zone, *narrowed, *demo])


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
