"""What a report answers, as models for the OpenAPI document: names, types, units, meanings, from its declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from core.reports.column_types import ColumnType, type_of
from core.reports.declaration import Column, Report, Table

TYPES: Mapping[ColumnType, Any] = {
    "text": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "instant": datetime,
}
EXAMPLES: Mapping[ColumnType, Any] = {
    "text": "…",
    "integer": 1234,
    "number": 12.5,
    "boolean": True,
    "instant": "2024-01-01T00:00:00+00:00",
}
EXAMPLE_OF = {
    "event_type": "EVENT", "error_code": "rate-limited", "client_id": "address:4b1f0c", "share": 0.25, "kind": 1,
    "error_rate": 0.01, "outcome": "rejected", "reason": "rate-limited: slow down", "relay": "relay.example",
    "identity": "address", "name": "Alice's bot", "currency": "EUR", "measure": "events", "state": "open",
    "change": 0.1,
}  # fmt: skip


class Exact(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ColumnOut(Exact):
    name: str
    unit: str | None = Field(description="`ms`, `bytes`, `events`, `percent`, `per second`, …; null for a label")
    meaning: str


class MetaOut(Exact):
    """What a result says of itself."""

    report: str = Field(examples=["traffic"])
    start: datetime = Field(description="First instant covered, in the reporting time zone")
    end: datetime = Field(description="First instant no longer covered")
    time_zone: str = Field(examples=["UTC"])
    granularity: str | None = Field(description="Width of a time bucket", examples=["day"])
    generated_at: datetime
    complete_up_to: datetime | None = Field(description="Everything before this instant is counted; null: no data yet")
    exact: bool = Field(description="False when columns are approximate within `error_bound`")
    error_bound: float | None = Field(description="Largest relative error of approximate columns", examples=[0.0075])
    demo: bool = Field(description="True when the numbers come from the demo database")
    replica_lag: float | None = Field(
        description="Seconds that the read replica was behind; null: read from the server itself", examples=[0.2]
    )
    warnings: list[str] = Field(description="What a reader of the numbers should know")
    query: dict[str, Any] = Field(description="The parameters as they were understood, defaults included")
    columns: dict[str, list[ColumnOut]] = Field(description="Per table: its columns with unit and meaning")


class ProblemOut(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None


def answer_of(
    report: Report, tables: Sequence[Table] | None = None, *, name: str | None = None, paged: bool = False
) -> type[BaseModel]:
    """The JSON answer of a report: `data` with its tables (or some of them), and `meta`; `paged` adds `next_cursor`.

    A table is absent from `data` when the caller asked for another one alone.
    """
    fields_of_data: dict[str, Any] = {
        table.name: (list[_row(report, table)], Field(default=[], description=_sentence(table.meaning)))  # type: ignore[misc]
        for table in tables or report.tables
    }
    name = name or report.name.title().replace("_", "")
    data = create_model(f"{name}Data", __base__=Exact, **fields_of_data)
    fields: dict[str, Any] = {"data": (data, ...), "meta": (MetaOut, ...)}
    if paged:
        about = "Give it as `cursor` to read on; null on the last page"
        fields["next_cursor"] = (str | None, Field(description=about))
    made: type[BaseModel] = create_model(f"{name}{'Page' if paged else 'Answer'}", __base__=Exact, **fields)
    return made


def _row(report: Report, table: Table) -> type[BaseModel]:
    fields: dict[str, Any] = {column.name: (TYPES[type_of(column)] | None, _field(column)) for column in table.columns}
    name = f"{report.name}_{table.name}_row".title().replace("_", "")
    made: type[BaseModel] = create_model(name, __base__=Exact, **fields)
    return made


def _field(column: Column) -> Any:
    unit: dict[str, Any] = {} if column.unit is None else {"x-unit": column.unit}
    about = _sentence(column.meaning) + (f" Unit: {column.unit}." if column.unit else "")
    example = EXAMPLE_OF.get(column.name, EXAMPLES[type_of(column)])
    return Field(description=about, examples=[example], json_schema_extra=unit)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
