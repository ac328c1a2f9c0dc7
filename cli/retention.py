"""`relay-analytics retention`: what is kept how long, what would go, and letting it go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.audit import operator
from core.exceptions import BadParameterError
from core.formats import count, size
from core.retention import applying, policies
from core.retention.applying import Part
from core.settings import get_settings

app = typer.Typer(help="What is kept how long: show, change, apply.")
Name = Annotated[str, typer.Argument(help="A policy, as `relay-analytics retention` lists it.")]


@app.callback(invoke_without_command=True)
def retention(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go, with rows and bytes.")] = False,
    demo: Demo = None,
) -> None:
    """Apply what the policies say, as the job does every hour; with --dry-run only say what would go."""
    if context.invoked_subcommand is not None:
        return
    settings, now = get_settings(), datetime.now(UTC)
    with opened(demo) as database:
        table = Table("Policy", "What", "Kept", "Set by")
        for policy in policies.policies(database, settings):
            table.add_row(policy.name, policy.what, kept(policy.days), policy.changed_by or "default")
        Console().print(table)
        if dry_run:
            _print(applying.plan(database, settings, now))
            return
        gone = applying.apply(database, settings, now)
    typer.echo(", ".join(f"{gone[name]} of {name}" for name in gone if gone[name]) or "Nothing is due to go.")


@app.command()
def keep(
    name: Name,
    days: Annotated[str, typer.Argument(help="Days, `forever`, or `default`.")],
    demo: Demo = None,
) -> None:
    """Keep something for another number of days."""
    now = datetime.now(UTC)
    with opened(demo) as database:
        if days == "default":
            policies.keep_default(database, operator(), name, now)
        else:
            policies.keep(database, operator(), name, _days(days), now)
        policy = next(one for one in policies.policies(database, get_settings()) if one.name == name)
        typer.echo(f"{name} is kept {kept(policy.days)}.")


def kept(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"


def _days(text: str) -> int | None:
    if text == "forever":
        return None
    if not text.isdecimal():
        raise BadParameterError(f"{text!r} is no number of days, `forever` or `default`.")
    return int(text)


def _print(parts: list[Part]) -> None:
    table = Table("Policy", "Table", "Goes", "Rows", "Bytes", "Of held clients")
    for part in parts:
        table.add_row(
            part.policy,
            part.table,
            part.part,
            f"{part.rows:,}",
            size(part.bytes),
            f"{part.held:,}" if part.held else "",
        )
    Console().print(table)
    total = sum(part.bytes for part in parts)
    typer.echo(
        f"{count(sum(part.rows for part in parts))} rows, {size(total)} would go; "
        f"{count(sum(part.held for part in parts))} of them are held."
    )
