"""`relay-analytics verify`: recount the roll-ups from the raw rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.database import Demo, opened
from core.storage.verify import Difference
from core.storage.verify import verify as recount

SHOWN = 20
"""Differences printed in full."""

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A UTC day. Default: everything there is.")]


def verify(start: Day = None, end: Day = None, demo: Demo = None) -> None:
    """Recount every roll-up from the raw events, days inclusive; exit code 1 when one differs."""
    first = None if start is None else start.replace(tzinfo=UTC)
    last = None if end is None else end.replace(tzinfo=UTC) + timedelta(days=1)
    if first is not None and last is not None and last <= first:
        raise typer.BadParameter("--end must not be before --start.")
    with opened(demo) as database:
        differences = recount(database, start=first, end=last)
    for difference in differences[:SHOWN]:
        print(_sentence(difference))
    if len(differences) > SHOWN:
        print(f"… and {len(differences) - SHOWN} more")
    if differences:
        raise typer.Exit(1)
    print("Every roll-up equals the recount from raw events.")


def _sentence(difference: Difference) -> str:
    key = ", ".join(map(str, difference.key))
    values = ", ".join(
        f"{name} is {stored} and should be {counted}" for name, (stored, counted) in difference.values.items()
    )
    return f"{difference.rollup} ({key}): {values}"
