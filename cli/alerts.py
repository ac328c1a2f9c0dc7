"""`relay-analytics alerts …`: incidents, the rules that open them, and who is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core import formats
from core.alerts import administration, notices, store, wording
from core.alerts.judging import judge
from core.alerts.preview import Preview, preview
from core.alerts.readings import read_now
from core.alerts.store import Incident, Standing
from core.alerts.surroundings import Surroundings
from core.audit import operator
from core.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Alerts: incidents, rules, who is told.")
Rule = Annotated[str, typer.Argument(help="Name of the rule, from `alerts rules`.")]
Number = Annotated[int, typer.Argument(help="Number of the incident, from `alerts list`.")]


@app.command("list")
def list_incidents(
    past: Annotated[bool, typer.Option("--all", help="Past ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    demo: Demo = None,
) -> None:
    """List incidents, open ones first; exit code 1 while a critical one is open."""
    with opened(demo) as database:
        found = store.incidents(database, open_only=not past, limit=limit)
    if not found:
        typer.echo("No incidents." if past else "No open incidents.")
        return
    table = Table("Number", "Severity", "What", "Since", "Until", "Worst", "Seen by")
    for each in found:
        table.add_row(
            str(each.incident_id), each.rule.severity, wording.headline(each), _clock(each.opened_at),
            _clock(each.ended_at), wording.value(each.worst_value, each.rule.what.unit), each.acknowledged_by or "",
        )  # fmt: skip
    Console().print(table)
    if any(each.open and each.rule.severity == "critical" for each in found):
        raise typer.Exit(1)


@app.command()
def show(number: Number, demo: Demo = None) -> None:
    """Show one incident: its values, why it opened, who was told."""
    with opened(demo) as database:
        found, told = store.incident(database, number), notices.of_incident(database, number)
    unit = found.rule.what.unit
    typer.echo(f"{wording.headline(found)} ({found.rule.severity})")
    typer.echo(f"  {found.rule.what.title}: {wording.value(found.last_value, unit)}, worst "
               f"{wording.value(found.worst_value, unit)}; alarm {wording.condition(found.rule)}")  # fmt: skip
    typer.echo(f"  from {_clock(found.opened_at)} to {_clock(found.ended_at) or 'now'}{_ended(found)}")
    for part in found.why:
        typer.echo(f"  - {wording.cause(part, found.rule)}")
    for each in told:
        state = "sent" if each.sent_at else "given up" if each.given_up_at else "on its way"
        typer.echo(f"  {each.transition} → {each.channel}: {state} {each.detail or ''}".rstrip())


@app.command()
def rules(demo: Demo = None) -> None:
    """List all rules with what they saw at the last look."""
    now = datetime.now(UTC)
    with opened(demo) as database:
        kept, standings = store.rules(database), store.standings(database)
        at, milliseconds = store.last_round(database)
    table = Table("Rule", "Severity", "Alarm", "Now", "State", "From")
    for each in kept:
        rule, stands = each.rule, standings.get(each.rule.name, Standing())
        state = "off" if not rule.enabled else "muted" if each.muted(now) else stands.state.phase
        table.add_row(
            rule.name, rule.severity, f"{rule.what.title} {wording.condition(rule)}",
            stands.note if stands.value is None else wording.value(stands.value, rule.what.unit), state, each.origin,
        )  # fmt: skip
    Console().print(table)
    if at is None or milliseconds is None:
        typer.echo("The rules were never looked at: start the worker (`python -m ingest`).", err=True)
    else:
        typer.echo(f"Looked at {_clock(at)}, in {milliseconds:.0f} ms.")


@app.command("test")
def try_out(rule: Rule, demo: Demo = None) -> None:
    """Say what a rule reads now, and what it would have done in the last 7 days. Opens nothing, tells nobody."""
    settings, now = get_settings(), datetime.now(UTC)
    with opened(demo) as database:
        asked = store.rule_named(database, rule).rule
        reading = read_now(database, asked, now, Surroundings.of(settings))
        judged, would = judge(asked, reading), preview(database, asked, now, settings.zone)
    read = None if math.isnan(reading.value) else reading.value
    said = f": {judged.note}" if judged.note else ""
    typer.echo(f"{asked.title}: {asked.what.title} {wording.condition(asked)}")
    typer.echo(f"Now: {wording.value(read, asked.what.unit)}, {judged.verdict}{said}")
    typer.echo(f"Last {would.days} days: {_fired(would)}")


@app.command()
def acknowledge(number: Number, demo: Demo = None) -> None:
    """Say that you have seen an open incident."""
    _change(demo, administration.acknowledge, number)
    typer.echo(f"Incident {number} is acknowledged.")


@app.command()
def mute(
    rule: Rule,
    hours: Annotated[float, typer.Option(min=0, help="For how long; 0: no longer muted.")] = 1,
    demo: Demo = None,
) -> None:
    """Tell nobody of openings for a while. Of one that is still open then, people are told then."""
    until = datetime.now(UTC) + timedelta(hours=hours) if hours else None
    _change(demo, administration.mute, rule, until)
    typer.echo(f"{rule} is muted until {_clock(until)}." if until else f"{rule} is no longer muted.")


@app.command()
def on(rule: Rule, demo: Demo = None) -> None:
    """Switch a rule on."""
    _switch(rule, demo, on=True)


@app.command()
def off(rule: Rule, demo: Demo = None) -> None:
    """Switch a rule off; its incident ends without a notice."""
    _switch(rule, demo, on=False)


@app.command()
def reset(rule: Rule, demo: Demo = None) -> None:
    """Make a default what it was, or remove a rule of your own."""
    _change(demo, administration.remove_rule, rule)
    typer.echo(f"{rule} is {'what it was' if rule in store.BY_NAME else 'removed'}.")


@app.command()
def tell(
    channels: Annotated[list[str] | None, typer.Argument(help="Names of channels, instead of those before.")] = None,
    nobody: Annotated[bool, typer.Option(help="Tell nobody any more.")] = False,
    demo: Demo = None,
) -> None:
    """Show or choose the channels that are told of alerts whose rule names none."""
    with opened(demo) as database:
        if channels or nobody:
            administration.tell(database, operator(), [] if nobody else channels or [], datetime.now(UTC))
        told = administration.told_of_all(database)
    typer.echo("\n".join(told) or "Nobody is told: add a channel (`relay-analytics channel add`) and name it here.")


def _switch(rule: str, demo: bool | None, *, on: bool) -> None:
    _change(demo, partial(administration.switch, on=on), rule)
    typer.echo(f"{rule} is {'on' if on else 'off'}.")


def _change(demo: bool | None, change: Callable[..., object], *arguments: object) -> None:
    with opened(demo) as database:
        change(database, operator(), *arguments, datetime.now(UTC))


def _fired(would: Preview) -> str:
    if not would.known:
        return would.note
    times = len(would.incidents)
    said = f"it would have fired {times} time{'' if times == 1 else 's'}"
    return f"{said}. {would.note}".rstrip()


def _ended(incident: Incident) -> str:
    if incident.ended_at is None:
        return f", seen by {incident.acknowledged_by}" if incident.acknowledged_by else ""
    lasted = formats.duration((incident.ended_at - incident.opened_at).total_seconds())
    return f" ({lasted}; {incident.ended_how})"


def _clock(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(get_settings().zone):%Y-%m-%d %H:%M:%S}"
