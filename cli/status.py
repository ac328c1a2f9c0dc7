"""`relay-analytics status`: what became of every record, what waits on this machine, and how the jobs are."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core import reports
from core.jobs.health import health
from core.reports.ingest_advice import advice
from core.settings import get_settings


def status(demo: Demo = None) -> None:
    """Show what became of every record that was received; exit code 1 when records are being lost."""
    with opened(demo) as database:
        result = reports.ingest(database, time_zone=get_settings().time_zone)
        work = health(database, datetime.now(UTC))
    for name in ("sources", "reasons", "spools"):
        if not result[name].empty:
            _print(name, result[name])
    found = advice({str(name): float(value) for name, value in result["summary"].iloc[0].items()})
    for one in found:
        typer.echo(f"{one.what} {one.do}", err=True)
    typer.echo(f"Jobs: {work.line}.")
    for trouble in work.troubles:
        typer.echo(trouble, err=True)
    if any(one.grave for one in found):
        raise typer.Exit(1)
    typer.echo("No records are being lost.")


def _print(title: str, frame: pd.DataFrame) -> None:
    table = Table(*(str(name).replace("_", " ") for name in frame.columns), title=title.capitalize())
    for row in frame.itertuples(index=False):
        table.add_row(*("" if pd.isna(value) else _shown(value) for value in row))
    Console().print(table)


def _shown(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
