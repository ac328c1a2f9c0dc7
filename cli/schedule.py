"""`relay-analytics schedule …`: reports that are sent by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, get_args

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.audit import operator
from core.exceptions import BadParameterError
from core.schedules import ledger, running, store
from core.schedules.ledger import Run
from core.schedules.schedule import Format, Plan
from core.schedules.timing import in_words
from core.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Reports that are sent by themselves: add, list, run, pause, remove.")
Name = Annotated[str, typer.Argument(help="Name of the schedule.")]


@app.command()
def add(
    name: Name,
    report: Annotated[str, typer.Option(help="The report, such as traffic.")],
    channel: Annotated[str, typer.Option(help="Where it is delivered: a name of `channel list`.")],
    cron: Annotated[str, typer.Option(help="When: minute, hour, day, month, weekday.")] = "0 6 1 * *",
    covers: Annotated[str, typer.Option(help="yesterday, last-week, last-month or last-N-days.")] = "last-month",
    file_format: Annotated[Format, typer.Option("--format", help=f"One of {', '.join(get_args(Format))}.")] = "pdf",
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="A filter of the report, such as event_type=EVENT; repeat it.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="Default: the setting TIME_ZONE.")] = None,
    skip_empty: Annotated[bool, typer.Option("--skip-empty", help="Send nothing when nothing happened.")] = False,
    demo: Demo = None,
) -> None:
    """Schedule a report; the worker sends it when it is due."""
    zone = time_zone or get_settings().time_zone
    plan = Plan(name, report, cron, covers, file_format, channel, zone, _filters(filters or []), skip_empty)
    now = datetime.now(UTC)
    with opened(demo) as database:
        made = store.add(database, operator(), store.OPERATOR, plan, now)
        typer.echo(f"{in_words(made.plan.cron)}, {zone}; the first time {_local(made.next_due(now), made.zone)}.")


@app.command("list")
def list_schedules(demo: Demo = None) -> None:
    """List the schedules, with when each is due next."""
    now = datetime.now(UTC)
    with opened(demo) as database:
        table = Table("Schedule", "Report", "Covers", "Format", "Channel", "When", "Next", "Last")
        for one in store.listing(database):
            plan, last = one.plan, ledger.listing(database, one.schedule_id, 1)
            table.add_row(
                plan.name, plan.report, plan.covers, plan.file_format, plan.channel, f"{plan.cron} {plan.time_zone}",
                _local(one.next_due(now), one.zone) if one.active else "paused", last[0].state if last else "",
            )  # fmt: skip
        Console().print(table)


@app.command()
def run(name: Name, demo: Demo = None) -> None:
    """Send a report now, of the days that it would cover if it were due, and say what became of it."""
    now = datetime.now(UTC)
    with opened(demo) as database:
        schedule = store.named(database, name)
        entry = ledger.send_now(database, operator(), store.OPERATOR, schedule.schedule_id, now)
        typer.echo(running.run(database, get_settings(), entry.run_id, now))


@app.command("ledger")
def show_ledger(
    name: Annotated[str | None, typer.Argument(help="Only of this schedule.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many entries.")] = 30,
    demo: Demo = None,
) -> None:
    """Show what was sent, the newest first."""
    with opened(demo) as database:
        names = {one.schedule_id: one.plan.name for one in store.listing(database)}
        wanted = store.named(database, name).schedule_id if name else None
        table = Table("No.", "Schedule", "Days", "Due", "State", "Attempts", "What became of it")
        for one in ledger.listing(database, wanted, limit):
            table.add_row(
                str(one.run_id), names.get(one.schedule_id, ""), str(one.days), f"{one.due_at:%Y-%m-%d %H:%M}",
                one.state, str(one.attempts), _said(one),
            )  # fmt: skip
        Console().print(table)


@app.command()
def resend(
    run_id: Annotated[int, typer.Argument(help="The number from `schedule ledger`.")], demo: Demo = None
) -> None:
    """Send an entry of the ledger again, to everyone."""
    now = datetime.now(UTC)
    with opened(demo) as database:
        ledger.send_again(database, operator(), store.OPERATOR, run_id, now)
        typer.echo(running.run(database, get_settings(), run_id, now))


@app.command()
def pause(
    name: Name,
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on from now.")] = False,
    demo: Demo = None,
) -> None:
    """Pause a schedule, or let it go on. What is due while it is paused is not sent."""
    with opened(demo) as database:
        number = store.named(database, name).schedule_id
        store.set_active(database, operator(), store.OPERATOR, number, resume, datetime.now(UTC))
        typer.echo(f"{name} goes on." if resume else f"{name} is paused.")


@app.command()
def remove(name: Name, demo: Demo = None) -> None:
    """Remove a schedule with its ledger."""
    with opened(demo) as database:
        number = store.named(database, name).schedule_id
        store.remove(database, operator(), store.OPERATOR, number, datetime.now(UTC))
        typer.echo(f"{name} is removed.")


def _filters(given: list[str]) -> dict[str, Any]:
    """`kind=1` as a number, `compare=false` as a boolean, everything else as text. Raises BadParameterError."""
    found: dict[str, Any] = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not separator:
            raise BadParameterError(f"{one!r} is no filter such as event_type=EVENT.")
        found[name] = msgspec.json.decode(value) if value in ("true", "false") or value.isdecimal() else value
    return found


def _local(moment: datetime | None, zone: Any) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else ""


def _said(run: Run) -> str:
    return run.error or run.detail or ""
