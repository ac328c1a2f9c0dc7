"""`relay-analytics jobs`: the work that happens by itself, how it went, and doing some of it now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.exceptions import UnknownJobError
from core.jobs import listing
from core.jobs.listing import enter
from core.jobs.queue import queue
from core.settings import get_settings
from ingest.jobs import running
from ingest.jobs.table import PERIODIC, TABLE
from ingest.jobs.task import Work

app = typer.Typer(help="Work that happens by itself: list it, run some of it now.")


@app.callback(invoke_without_command=True)
def jobs(context: typer.Context, demo: Demo = None) -> None:
    """List all work that happens by itself, its last and next run, and how long the queue is."""
    if context.invoked_subcommand is not None:
        return
    now = datetime.now(UTC)
    with opened(demo) as database:
        enter(database, TABLE)
        table = Table("Job", "What it does", "Period (UTC)", "Last run", "Outcome", "Next run")
        for job in listing(database):
            due = job.next_at(now)
            table.add_row(
                job.name,
                job.description,
                job.period or "when asked for",
                f"{job.started_at:%Y-%m-%d %H:%M:%S}" if job.started_at else "never",
                f"failed: {job.error}" if job.outcome == "failed" else job.result or job.outcome or "",
                f"{due:%Y-%m-%d %H:%M:%S}" if due else "",
            )
        Console().print(table)
        state = queue(database)
        typer.echo(
            f"{state.waiting} waiting, {state.running} running, {state.failed} given up; "
            f"{state.workers} worker{'' if state.workers == 1 else 's'}."
        )


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="A job that comes by itself, as `relay-analytics jobs` lists it.")],
    demo: Demo = None,
) -> None:
    """Run a job now, in this process; not when it is running anywhere else."""
    task = next((task for task in PERIODIC if task.name == name), None)
    if task is None:
        raise UnknownJobError(f"There is no job {name!r}; there are {', '.join(task.name for task in PERIODIC)}.")
    with opened(demo) as database:
        enter(database, TABLE)
        typer.echo(running.run(task, Work(database, get_settings(), datetime.now(UTC))))
