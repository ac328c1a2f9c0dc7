"""Downloads: a table of a report as CSV or JSON, for a signed-in visitor whose role includes it."""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import urlencode

import pandas as pd
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core.accounts import sessions
from core.exceptions import BadParameterError
from core.reports import realtime
from core.reports.declaration import Result
from core.settings import get_settings
from dashboard.nav import STAFF
from dashboard.places import BASE, COOKIE, database, now

FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def link(table: str, file_format: str, window: int, at: datetime | None) -> str:
    """The address of a download. `at` is the moment the view is paused at; None: the moment of the click."""
    query = {"window": str(window)} | ({"at": at.isoformat()} if at else {})
    return f"{BASE}/export/realtime/{table}.{file_format}?{urlencode(query)}"


def download(request: Request) -> Response:
    """One table of the realtime report, as `{table}.csv` or `{table}.json`."""
    user = sessions.user_of(database(), request.cookies.get(COOKIE), now())
    if user is None:
        return PlainTextResponse("Sign in first.", status_code=401)
    if user.role not in STAFF:
        return PlainTextResponse("Your role does not include this download.", status_code=403)
    table, _, file_format = request.path_params["file"].rpartition(".")
    if request.path_params["report"] != realtime.name or file_format not in FORMATS:
        return PlainTextResponse("There is no such download.", status_code=404)
    try:
        window, at = _parameters(request)
        result = realtime(database(), now=at, window=window, time_zone=get_settings().time_zone)
    except BadParameterError as error:
        return PlainTextResponse(str(error), status_code=422)
    if table not in result.tables:
        return PlainTextResponse("There is no such table.", status_code=404)
    body = as_csv(result[table]) if file_format == "csv" else as_json(result, table)
    prefix = "demo_" if result.meta.demo else ""
    name = f"{prefix}realtime_{table}_{at:%Y%m%dT%H%M%SZ}.{file_format}"
    return Response(
        body,
        media_type=FORMATS[file_format],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _parameters(request: Request) -> tuple[int, datetime]:
    try:
        window = int(request.query_params.get("window", "300"))
        at = datetime.fromisoformat(request.query_params["at"]) if "at" in request.query_params else now()
    except ValueError as error:
        raise BadParameterError(f"A parameter cannot be read: {error}.") from error
    if at.tzinfo is None:
        raise BadParameterError("`at` needs a time zone, such as 2024-01-01T12:00:00+00:00.")
    return window, at


def as_csv(frame: pd.DataFrame) -> str:
    """`frame` as CSV. Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    safe = frame.copy()
    for column in safe.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in safe.dtypes]]:
        if not pd.api.types.is_datetime64_any_dtype(safe[column].dtype):
            safe[column] = [f"'{v}" if isinstance(v, str) and v.startswith(_FORMULA) else v for v in safe[column]]
    text: str = safe.to_csv(index=False)
    return text


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
