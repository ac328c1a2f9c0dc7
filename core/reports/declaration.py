"""What a report is: a name, parameters, tables of columns with units and meanings, and a function that runs it.

Pages, endpoints, downloads, schedules and notebooks are faces of these declarations; none of them holds a query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.exceptions import BadParameterError
from core.reports.configured import completed
from core.storage.database import Database
from core.storage.replica import read_from

if TYPE_CHECKING:
    import altair as alt

LAG_WORTH_SAYING = 5.0
"""Seconds."""
SHOWN_ROWS = 20
"""Rows of a table that a notebook shows."""
CHART_WIDTH = 720
"""Width of a chart in a notebook."""


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
    replica_lag: float | None = None
    """Seconds that the replica they were read from was behind; None: they come from the server itself."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Result:
    """The tables of a report and what they mean. `frame` is the first table."""

    meta: Meta
    tables: Mapping[str, pd.DataFrame]
    charts: Mapping[str, str] = field(default_factory=dict)
    """What `chart` can draw; see `Report`."""

    def chart(self, name: str | None = None, **options: Any) -> alt.Chart | alt.LayerChart:
        """A chart of the result for a notebook, in the light colours; the first one of the report without a name.

        `options` are those of its function in `core.charts`. Raises BadParameterError for one there is not.
        """
        chosen = next(iter(self.charts), None) if name is None else name
        if chosen is None or chosen not in self.charts:
            known = ", ".join(self.charts) or "none"
            raise BadParameterError(f"{self.meta.report} has no chart {name!r}; it has {known}.")
        from core.charts.theme import LIGHT  # Altair takes half a second to load, and most reports are not drawn

        module, _, function = self.charts[chosen].partition(":")
        drawn = getattr(import_module(module), function)(self, **options)
        coloured: alt.Chart | alt.LayerChart = drawn.properties(width=CHART_WIDTH).configure_range(category=list(LIGHT))
        return coloured

    @property
    def frame(self) -> pd.DataFrame:
        return next(iter(self.tables.values()))

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} ({len(frame)} rows)" for name, frame in self.tables.items())
        return f"<Result {self._heading}: {shapes}>"

    def _repr_html_(self) -> str:
        """For notebooks: what the result says of itself, then the first rows of each table."""
        notes = "".join(f"<p>{escape(warning)}</p>" for warning in self.meta.warnings)
        tables = "".join(
            f"<h4>{escape(name)}</h4>{frame.to_html(max_rows=SHOWN_ROWS, index=False, border=0)}"
            for name, frame in self.tables.items()
        )
        return f"<h3>{escape(self._heading)}</h3>{notes}{tables}"

    @property
    def _heading(self) -> str:
        meta = self.meta
        accuracy = "exact" if meta.exact else f"percentiles within {meta.error_bound or 0:.2%}"
        demo = ", demo data" if meta.demo else ""
        covered = f"{meta.start:%Y-%m-%d %H:%M} to {meta.end:%Y-%m-%d %H:%M} {meta.time_zone}"
        return f"{meta.report}, {covered}, {accuracy}{demo}"


@dataclass(frozen=True, repr=False)
class Report:
    """A report, declared once. Calling it runs it.

    `charts`: names of its charts and where each is drawn, as `module:function` of a function that takes a `Result`; the
    first is the one to show when there is room for one. Named, not imported: charts stand on reports.
    """

    name: str
    title: str
    meaning: str
    tables: tuple[Table, ...]
    run: Callable[..., Result]
    parameters: tuple[Parameter, ...] = field(default=())
    charts: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, database: Database | None = None, **arguments: Any) -> Result:
        """Run it; without `database` on the configured one, without `now` at this moment.

        Raises BadParameterError for a value the report cannot use, and DatabaseUnavailableError.
        """
        given = completed({"database": database, **arguments})
        result, lag = read_from(given["database"], lambda source: self.run(**given | {"database": source}))
        return replace(result, meta=_with_lag(result.meta, lag), charts=self.charts)

    def __repr__(self) -> str:
        parameters = ", ".join(f"{p.name}={p.default!r}" for p in self.parameters)
        return f"<Report {self.name}({parameters}): {self.meaning}>"

    def _repr_html_(self) -> str:
        """For notebooks: what the report takes and what its tables hold."""
        takes = "".join(
            f"<li><code>{p.name}={escape(repr(p.default))}</code> {escape(p.meaning)}</li>" for p in self.parameters
        )
        tables = "".join(
            f"<li><code>{table.name}</code>: {escape(', '.join(table.column_names))}</li>" for table in self.tables
        )
        heading = f"<h3>{escape(self.title)}</h3><p>{escape(self.meaning)}</p>"
        return f"{heading}<ul>{takes}</ul><h4>Tables</h4><ul>{tables}</ul>"


def _with_lag(meta: Meta, lag: float | None) -> Meta:
    if lag is None:
        return meta
    said = (f"Read from a replica that is {lag:.0f} s behind.",) if lag >= LAG_WORTH_SAYING else ()
    return replace(meta, replica_lag=lag, warnings=(*meta.warnings, *said))
