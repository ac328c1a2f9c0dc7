"""What a report is: a name, parameters, tables of columns with units and meanings, and a function that runs it.

Pages, endpoints, downloads, schedules and notebooks are faces of these declarations; none of them holds a query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Column:
    """One column of a result. `unit` is `ms`, `bytes`, `events`, `percent`, `per second`, … or None for a label."""

    name: str
    meaning: str
    unit: str | None = None


@dataclass(frozen=True)
class Table:
    """A table of a result: its name and columns, in order."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a report: what it means, its default, and the values it accepts (None: any of its type)."""

    name: str
    meaning: str
    default: Any = None
    choices: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Meta:
    """What a result says of itself."""

    report: str
    start: datetime
    """First instant covered (inclusive), in the reporting zone."""
    end: datetime
    """First instant no longer covered, in the reporting zone."""
    time_zone: str
    generated_at: datetime
    complete_up_to: datetime | None
    """Everything before this instant is counted; None when nothing was ever stored."""
    granularity: str | None = None
    exact: bool = True
    error_bound: float | None = None
    """Largest relative error of approximate columns (the percentiles); None when every number is exact."""
    demo: bool = False
    """True when the numbers come from the demo database."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """The tables of a report and what they mean. `frame` is the first table."""

    meta: Meta
    tables: Mapping[str, pd.DataFrame]

    @property
    def frame(self) -> pd.DataFrame:
        return next(iter(self.tables.values()))

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]


@dataclass(frozen=True)
class Report:
    """A report, declared once. Calling it runs it."""

    name: str
    title: str
    meaning: str
    tables: tuple[Table, ...]
    run: Callable[..., Result]
    parameters: tuple[Parameter, ...] = field(default=())

    def __call__(self, *args: Any, **kwargs: Any) -> Result:
        return self.run(*args, **kwargs)
