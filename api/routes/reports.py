"""Every report of `core` as an endpoint, made from its declaration, and the list of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.answers import FILE_FORMATS, file_fields
from api.guard import Access, Guard
from api.parameters import query_of
from api.routes.common import FILES, NOT_FOUND, NOT_MODIFIED, PREFIX, answer, given, guarded, router, with_signature
from api.schemas import ColumnOut, answer_of
from core import permissions
from core.permissions import resource_of
from core.reports import REPORTS
from core.reports.declaration import Report


class ParameterOut(BaseModel):
    name: str = Field(description="Name in the query", examples=["granularity"])
    meaning: str
    required: bool
    default: Any = Field(description="What is taken when it is not given; null: see the meaning")
    accepts: list[Any] | None = Field(description="The only values it takes; null: any of its type")
    type: str = Field(description="As in JSON Schema", examples=["string"])


class TableOut(BaseModel):
    name: str
    meaning: str
    columns: list[ColumnOut]


class ReportOut(BaseModel):
    name: str = Field(examples=["traffic"])
    title: str
    meaning: str
    path: str = Field(examples=["/api/v1/analytics/reports/traffic"])
    formats: list[str] = Field(examples=[["json", "csv"]])
    parameters: list[ParameterOut]
    tables: list[TableOut]


class CatalogueOut(BaseModel):
    """The reports that this token may see."""

    data: list[ReportOut]


def routes() -> APIRouter:
    made = router("reports")

    @made.get("/reports", summary="Reports, with their parameters and columns")
    def list_of_reports(access: Annotated[Access, Depends(Guard("read", "catalogue"))]) -> CatalogueOut:
        """Every report that the token may see: what it takes, its tables, and the unit and meaning of each column."""
        allowed = [
            report
            for report in REPORTS.values()
            if permissions.decide(access.caller, "read", resource_of(report.name)).allowed
        ]
        return CatalogueOut(data=[_described(report) for report in allowed])

    for report in REPORTS.values():
        add_report(made, f"/reports/{report.name}", report)
    return made


def add_report(made: APIRouter, path: str, report: Report, name: str | None = None) -> None:
    """Give `report` an endpoint at `path`."""

    def endpoint(request: Request, access: Access, asked: BaseModel) -> Response:
        return answer(request, report, access, asked, report.tables)

    query = query_of(report, more=file_fields(report.tables))
    made.add_api_route(
        path,
        with_signature(
            endpoint,
            request=Request,
            access=guarded(Guard("read", resource_of(report.name))),
            asked=given(query),
        ),
        name=name or f"report_{report.name}",
        summary=report.title,
        description=f"{report.meaning}.",
        response_model=answer_of(report),
        responses=FILES | NOT_MODIFIED | (NOT_FOUND if report.name == "client" else {}),
    )


def _described(report: Report) -> ReportOut:
    schema = query_of(report).model_json_schema()
    required = schema.get("required", [])
    parameters = [
        ParameterOut(
            name=name,
            meaning=about.get("description", ""),
            required=name in required,
            default=about.get("default"),
            accepts=about.get("enum"),
            type=about.get("type", "string"),
        )
        for name, about in schema["properties"].items()
    ]
    tables = [
        TableOut(
            name=table.name,
            meaning=table.meaning,
            columns=[ColumnOut(name=c.name, unit=c.unit, meaning=c.meaning) for c in table.columns],
        )
        for table in report.tables
    ]
    return ReportOut(
        name=report.name,
        title=report.title,
        meaning=report.meaning,
        path=f"{PREFIX}/reports/{report.name}",
        formats=["json", *FILE_FORMATS],
        parameters=parameters,
        tables=tables,
    )
