"""`relay-analytics reports`: every report with its parameters, tables and columns."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from core.reports import REPORTS
from core.reports.declaration import Report


def show(markdown: Annotated[bool, typer.Option(help="Print the page docs/reports.md instead.")] = False) -> None:
    """List the reports."""
    if markdown:
        typer.echo(as_markdown(), nl=False)
        return
    table = Table("Report", "Parameters", "Meaning")
    for report in REPORTS.values():
        table.add_row(report.name, ", ".join(parameter.name for parameter in report.parameters), report.meaning)
    Console().print(table)


def as_markdown() -> str:
    """The page `docs/reports.md`: each report with the meaning and unit of every column."""
    lines = [
        "# Reports",
        "",
        "Each report is declared once, in `core/reports`; the dashboard, the API and notebooks show the same tables.",
        "Besides its tables a result says what it is: range and time zone used, exact or approximate and within which",
        "bound, complete up to when, demo data or not.",
        "",
        "This page is made by `relay-analytics reports --markdown`.",
    ]
    for report in REPORTS.values():
        lines += ["", f"## {report.title} · `{report.name}`", "", f"{report.meaning}.", *_parameters(report)]
        for table in report.tables:
            lines += ["", f"### `{table.name}`", "", f"{table.meaning[0].upper()}{table.meaning[1:]}.", ""]
            lines += ["| Column | Unit | Meaning |", "|---|---|---|"]
            lines += [f"| `{column.name}` | {column.unit or ''} | {column.meaning} |" for column in table.columns]
    return "\n".join(lines) + "\n"


def _parameters(report: Report) -> list[str]:
    if not report.parameters:
        return []
    rows = [
        f"| `{p.name}` | `{p.default}` | {', '.join(f'`{choice}`' for choice in p.choices or ())} | {p.meaning} |"
        for p in report.parameters
    ]
    return ["", "| Parameter | Default | Accepts | Meaning |", "|---|---|---|---|", *rows]
