"""Results of reports as JSON: `data` (the tables, as lists of objects) and `meta` (what the numbers are)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
from pydantic import BaseModel, Field

from core.reports.declaration import Meta, Report, Result


class ColumnOut(BaseModel):
    name: str
    unit: str | None = Field(description="`ms`, `bytes`, `events`, `percent`, `per second`, …; null for a label")
    meaning: str


class MetaOut(BaseModel):
    """What a result says of itself."""

    report: str = Field(examples=["realtime"])
    start: datetime = Field(description="First instant covered, in the reporting time zone")
    end: datetime = Field(description="First instant no longer covered")
    time_zone: str = Field(examples=["UTC"])
    granularity: str | None = Field(description="Width of a time bucket", examples=["2s"])
    generated_at: datetime
    complete_up_to: datetime | None = Field(description="Everything before this instant is counted; null: no data yet")
    exact: bool = Field(description="False when columns are approximate within `error_bound`")
    error_bound: float | None = Field(description="Largest relative error of approximate columns", examples=[0.0075])
    demo: bool = Field(description="True when the numbers come from the demo database")
    warnings: list[str]
    columns: dict[str, list[ColumnOut]] = Field(description="Per table: its columns with unit and meaning")


def meta_out(report: Report, meta: Meta) -> MetaOut:
    columns = {
        table.name: [ColumnOut(name=c.name, unit=c.unit, meaning=c.meaning) for c in table.columns]
        for table in report.tables
    }
    return MetaOut(
        report=meta.report,
        start=meta.start,
        end=meta.end,
        time_zone=meta.time_zone,
        granularity=meta.granularity,
        generated_at=meta.generated_at,
        complete_up_to=meta.complete_up_to,
        exact=meta.exact,
        error_bound=meta.error_bound,
        demo=meta.demo,
        warnings=list(meta.warnings),
        columns=columns,
    )


def _plain(value: Any) -> Any:
    """A JSON value: NaN, NaT and NA become null, numpy scalars become Python's, instants ISO 8601."""
    if pd.isna(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as a list of objects, one per row."""
    names = list(frame.columns)
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True)}
        for row in frame.itertuples(index=False, name=None)
    ]


def data_out(result: Result) -> dict[str, list[dict[str, Any]]]:
    return {name: rows(frame) for name, frame in result.tables.items()}
