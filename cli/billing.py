"""`relay-analytics billing …`: bills of a period, closing it, adjusting it, checking what was frozen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core import billing, reports
from core.audit import operator, recorded
from core.billing.entries import ClosedPeriod
from core.exceptions import BadParameterError
from core.settings import get_settings
from core.tariffs.currencies import amount

app = typer.Typer(no_args_is_help=True, help="Bills: show, close a period, adjust it, check what was frozen.")

SHOWN = ("number", "reason", "accepted", "reqs", "delivered", "bytes_in", "bytes_out")

Month = Annotated[str | None, typer.Option(help="A calendar month, YYYY-MM.")]
Start = Annotated[str | None, typer.Option(help="First day, instead of a month.")]
End = Annotated[str | None, typer.Option(help="Last day, included.")]
Zone = Annotated[str | None, typer.Option(help="Time zone of the period. Default: the setting TIME_ZONE.")]


@app.command()
def show(
    month: Month = None,
    start: Start = None,
    end: End = None,
    time_zone: Zone = None,
    client: Annotated[str | None, typer.Option(help="Only this client_id.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many clients to list.")] = 20,
    demo: Demo = None,
) -> None:
    """Show usage and cost per client; of a closed period what was frozen and adjusted."""
    period = _named(month, start, end, time_zone)
    with opened(demo) as database:
        result = reports.billing(database, client=client, limit=limit, **period)
    state = result["period"].iloc[0]
    currency = None if pd.isna(state["currency"]) else str(state["currency"])
    heading = f"{result.meta.start:%Y-%m-%d %H:%M} to {result.meta.end:%Y-%m-%d %H:%M} {result.meta.time_zone}"
    typer.echo(f"{heading}, {state['state']}")
    for warning in result.meta.warnings:
        typer.echo(warning, err=True)
    _print("Clients", result["clients"], "client_id", currency)
    if not result["adjustments"].empty:
        _print("Adjustments", result["adjustments"], "client_id", currency)
    if not result["unadjusted"].empty:
        _print("Not adjusted yet", result["unadjusted"], "client_id", currency)
    _print("All clients", result["totals"], "part", currency)


@app.command()
def close(
    month: Month = None,
    start: Start = None,
    end: End = None,
    time_zone: Zone = None,
    usage_only: Annotated[bool, typer.Option("--usage-only", help="Close it without a tariff and costs.")] = False,
    demo: Demo = None,
) -> None:
    """Freeze usage and cost of a period that has ended, by the setting TARIFF; prints the checksum to keep."""
    tariff = None if usage_only else get_settings().tariff
    if tariff is None and not usage_only:
        raise BadParameterError("no tariff is set: set TARIFF (see docs/billing.md), or give --usage-only.")
    period, now = _named(month, start, end, time_zone), datetime.now(UTC)
    with opened(demo) as database, recorded(database, operator(), "billing.close", now, **period):
        closed = billing.close(database, now, tariff=tariff, **period)
    typer.echo(f"Period {closed.period_id} is closed: {closed}, {closed.lines} clients.")
    typer.echo(f"Checksum {closed.checksum.hex()}; keep it where the database cannot change it.")


@app.command()
def adjust(
    month: Month = None,
    start: Start = None,
    end: End = None,
    time_zone: Zone = None,
    client: Annotated[str | None, typer.Option(help="Credit this client_id, with --amount and --reason.")] = None,
    credit: Annotated[
        str | None, typer.Option("--amount", help="Amount in the client's favour, such as 12.50; negative: a charge.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; stands on the bill.")] = None,
    demo: Demo = None,
) -> None:
    """Freeze what was counted since a period was closed; or give a client a credit."""
    period = _named(month, start, end, time_zone)
    now = datetime.now(UTC)
    given = period | {"client": client, "amount": credit, "reason": reason}
    with opened(demo) as database, recorded(database, operator(), "billing.adjust", now, **given):
        made: billing.Adjustment | None
        if client is None and credit is None:
            made = billing.adjust(database, now, **period, **({} if reason is None else {"reason": reason}))
        elif client is None or credit is None or reason is None:
            raise BadParameterError("a credit needs --client, --amount and --reason.")
        else:
            made = billing.credit(database, now, client, credit, reason, **period)
    if made is None:
        typer.echo("Nothing was counted since; there is nothing to adjust.")
        return
    typer.echo(f"Adjustment {made.number} of period {made.period_id}: {made.lines} clients.")
    typer.echo(f"Checksum {made.checksum.hex()}; keep it where the database cannot change it.")


@app.command()
def check(demo: Demo = None) -> None:
    """Recompute every checksum; exit code 1 when something frozen was changed. Prints the checksums to compare."""
    with opened(demo) as database:
        found = billing.check(database)
        listed = billing.listing(database)
    for entry in listed:
        typer.echo(f"{_called(entry)}: {entry.checksum.hex()}")
    for one in found:
        typer.echo(str(one), err=True)
    if found:
        raise typer.Exit(1)
    typer.echo("Everything frozen is as it was.")


def _called(entry: ClosedPeriod | billing.Adjustment) -> str:
    if isinstance(entry, ClosedPeriod):
        return f"period {entry.period_id}, {entry}"
    return f"period {entry.period_id}, adjustment {entry.number}"


def _named(month: str | None, start: str | None, end: str | None, time_zone: str | None) -> dict[str, Any]:
    zone = get_settings().time_zone if time_zone is None else time_zone
    return {"month": month, "start": start, "end": end, "time_zone": zone}


def _print(title: str, frame: pd.DataFrame, label: str, currency: str | None) -> None:
    shown = [name for name in SHOWN if name in frame]
    heading = "client" if label == "client_id" else ""
    table = Table(heading, *(name.replace("_", " ") for name in shown), "cost", title=title)
    for row in frame.to_dict("records"):
        cost = "" if currency is None or pd.isna(row["cost"]) else amount(int(row["cost"]), currency)
        table.add_row(str(row[label]), *(str(row[name]) for name in shown), cost)
    Console().print(table)
