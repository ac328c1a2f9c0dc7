"""`relay-analytics status`: what became of every record, what waits on this machine, and how database and jobs are."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core import formats, reports
from core.jobs.health import Health, health
from core.reports.declaration import Result
from core.reports.ingest_advice import Advice, advice
from core.reports.storage_state import StorageState, storage_state
from core.settings import get_settings

ALWAYS = ["worker", "received", "stored"]


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for monitors.")] = False, demo: Demo = None
) -> None:
    """Show on one screen how ingest, spools, database and jobs are.

    Exit codes: 0 all is well, 1 records are being lost or the database does not answer, 2 a setting is wrong.

    Examples:

        relay-analytics status

        relay-analytics status --json | jq .ingest.summary
    """
    now = datetime.now(UTC)
    with opened(demo) as database:
        result = reports.ingest(database, time_zone=get_settings().time_zone)
        state, work = storage_state(database, now), health(database, now)
    found = advice({str(name): float(value) for name, value in result["summary"].iloc[0].items()})
    if as_json:
        typer.echo(json.dumps(_as_json(result, state, work, found, now), ensure_ascii=False))
    else:
        _show(result, state, work, found, now)
    if any(one.grave for one in found):
        raise typer.Exit(1)


def _as_json(
    result: Result, state: StorageState, work: Health, found: list[Advice], now: datetime
) -> dict[str, Any]:  # fmt: skip
    tables = {
        name: json.loads(frame.to_json(orient="records", date_format="iso")) for name, frame in result.tables.items()
    }
    return {
        "at": now.isoformat(),
        "well": not any(one.grave for one in found),
        "versions": _versions(state),
        "database": {"name": state.server, "bytes": state.bytes, "schema": state.schema_version},
        "lag_seconds": _lag(state, now),
        "complete_up_to": state.complete_up_to.isoformat() if state.complete_up_to else None,
        "ingest": tables | {"summary": tables["summary"][0]},
        "advice": [{"what": one.what, "do": one.do, "grave": one.grave} for one in found],
        "jobs": {"line": work.line, "troubles": list(work.troubles)},
    }


def _versions(state: StorageState) -> dict[str, str]:
    return {
        "relay-analytics": version("relay-analytics"), "python": platform.python_version(), "server": state.server
    }  # fmt: skip


def _lag(state: StorageState, now: datetime) -> float | None:
    return None if state.complete_up_to is None else max((now - state.complete_up_to).total_seconds(), 0.0)


def _show(result: Result, state: StorageState, work: Health, found: list[Advice], now: datetime) -> None:
    for name in ("sources", "reasons", "spools"):
        if not result[name].empty:
            _print(name, _telling(result[name]))
    lag = _lag(state, now)
    behind = "nothing was sampled yet" if lag is None else f"complete up to {lag:,.0f} s ago"
    typer.echo(f"Ingest: {behind}.")
    typer.echo(f"Database: {state.server}, {formats.size(state.bytes)}, schema {state.schema_version}.")
    typer.echo(f"Jobs: {work.line}.")
    typer.echo(f"Relay Analytics {version('relay-analytics')}, Python {platform.python_version()}.")
    for one in found:
        typer.echo(f"{one.what} {one.do}", err=True)
    for trouble in work.troubles:
        typer.echo(trouble, err=True)
    if not any(one.grave for one in found):
        typer.echo("No records are being lost.")


def _telling(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the columns that say the same of every row: nothing. One screen has no room for them."""
    counts = frame.select_dtypes("number").drop(columns=ALWAYS, errors="ignore")
    silent = [name for name in counts if not counts[name].fillna(0).any()]
    return frame.drop(columns=[*silent, *(name for name in frame if frame[name].isna().all())])


def _print(title: str, frame: pd.DataFrame) -> None:
    table = Table(*(str(name).replace("_", " ") for name in frame.columns), title=title.capitalize())
    for row in frame.itertuples(index=False):
        table.add_row(*("" if pd.isna(value) else _shown(value) for value in row))
    Console().print(table)


def _shown(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
