"""Results of reports as JSON: `data` (the tables, as lists of objects) and `meta` (what the numbers are)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from core.export.tables import values
from core.reports.column_types import type_of
from core.reports.declaration import Meta, Result, Table


def rows(frame: pd.DataFrame, table: Table) -> list[dict[str, Any]]:
    """A table as a list of objects, one per row."""
    names = table.column_names
    columns = [
        [_iso(value) for value in column] if type_of(declared) == "instant" else column
        for declared, column in zip(table.columns, values(frame, table), strict=True)
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def data_out(result: Result, tables: Sequence[Table]) -> dict[str, list[dict[str, Any]]]:
    return {table.name: rows(result[table.name], table) for table in tables}


def meta_out(meta: Meta, query: dict[str, Any], tables: Sequence[Table]) -> dict[str, Any]:
    """What a result says of itself, the query it answers, and the columns of these tables."""
    return {
        "report": meta.report,
        "start": meta.start.isoformat(),
        "end": meta.end.isoformat(),
        "time_zone": meta.time_zone,
        "granularity": meta.granularity,
        "generated_at": meta.generated_at.isoformat(),
        "complete_up_to": _iso(meta.complete_up_to),
        "exact": meta.exact,
        "error_bound": meta.error_bound,
        "demo": meta.demo,
        "replica_lag": meta.replica_lag,
        "warnings": list(meta.warnings),
        "query": {name: _iso(value) for name, value in query.items()},
        "columns": {
            table.name: [{"name": c.name, "unit": c.unit, "meaning": c.meaning} for c in table.columns]
            for table in tables
        },
    }


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
