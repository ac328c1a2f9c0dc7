"""`relay-analytics annotate`: say that something happened."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, get_args

import typer

from cli.database import Demo, opened
from core import annotations as noted
from core.audit import operator
from core.exceptions import BadParameterError
from core.periods import parsed
from core.settings import get_settings

When = Annotated[
    str | None, typer.Option(help="Such as 2026-01-31T12:00, in TIME_ZONE unless it names another offset.")
]


def annotate(
    text: Annotated[str, typer.Argument(help="What happened, such as “strfry 1.1 deployed”.")],
    at: When = None,
    until: When = None,
    kind: Annotated[noted.Kind, typer.Option(help=f"One of {', '.join(get_args(noted.Kind))}.")] = "note",
    demo: Demo = None,
) -> None:
    """Say that something happened, by default now: it is drawn on every chart over time."""
    with opened(demo) as database:
        made = noted.add(
            database, operator(), text, datetime.now(UTC), at=_instant(at, "--at"), until=_instant(until, "--until"),
            kind=kind,
        )  # fmt: skip
        typer.echo(
            f"Annotation {made.annotation_id} at {made.at.astimezone(get_settings().zone):%Y-%m-%d %H:%M:%S %Z}."
        )


def _instant(given: str | None, name: str) -> datetime | None:
    if given is None:
        return None
    found: date = parsed(given, name)
    if not isinstance(found, datetime):
        raise BadParameterError(f"{name} {given!r} has no time; use for example {given}T12:00.")
    return (found if found.tzinfo else found.replace(tzinfo=get_settings().zone)).astimezone(UTC)
