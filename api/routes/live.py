"""The realtime dashboard, and series over the last hours: reports with the range of now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.answers import file_fields
from api.guard import Access, Guard
from api.parameters import HOUR, query_of
from api.routes.common import FILES, NOT_MODIFIED, answer, given, guarded, router, with_signature
from api.routes.reports import add_report
from api.schemas import answer_of
from core.periods import MAX_HOURS
from core.permissions import resource_of
from core.reports import bandwidth, connections, realtime, traffic
from core.reports.declaration import Report

SERIES: Mapping[str, tuple[Report, tuple[str, ...]]] = {
    "events": (traffic, ("timeline", "event_types_over_time")),
    "bandwidth": (bandwidth, ("timeline",)),
    "connections": (connections, ("timeline",)),
}
"""What there are series of: the report and those of its tables that go over time."""
OF_THE_RANGE = ("start", "end", "granularity", "compare", "top", "peaks")


def routes() -> APIRouter:
    made = router("live")
    add_report(made, "/dashboard/realtime", realtime, "dashboard_realtime")
    for name in SERIES:
        _add_series(made, name)
    return made


def _add_series(made: APIRouter, name: str) -> None:
    report, wanted = SERIES[name]
    tables = tuple(table for table in report.tables if table.name in wanted)

    def endpoint(request: Request, access: Access, asked: BaseModel) -> Response:
        hours: int = asked.hours  # type: ignore[attr-defined]
        begun = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        last = begun + HOUR
        return answer(
            request, report, access, asked, tables, start=last - timedelta(hours=hours), end=last, granularity="hour"
        )

    about = f"How many hours, 1 to {MAX_HOURS}; the last is the running one."
    more = {"hours": (int, Field(24, ge=1, le=MAX_HOURS, description=about)), **file_fields(tables)}
    query = query_of(report, leave_out=OF_THE_RANGE, more=more)
    made.add_api_route(
        f"/timeseries/{name}",
        with_signature(
            endpoint, request=Request, access=guarded(Guard("read", resource_of(report.name))), asked=given(query)
        ),
        name=f"timeseries_{name}",
        summary=f"{name.title()} by hour",
        description=f"The last hours, a row for each: {', '.join(table.meaning for table in tables)}.",
        response_model=answer_of(report, tables, name=f"{name.title()}Series"),
        responses=FILES | NOT_MODIFIED,
    )
