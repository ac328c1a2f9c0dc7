"""`relay-analytics doctor`: what is wrong on this machine, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from cli.checks import database, host, network
from cli.checks.finding import Finding, Level, fail, ok
from core.settings import Settings, get_settings

CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    host.data_directory,
    host.permissions,
    host.spool,
    host.open_files,
    host.time_zones,
    database.database,
    database.replica,
    network.relay,
    network.tap,
    network.services,
    network.trust,
)
SIGNS: dict[Level, str] = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per finding, one a line.")] = False,
) -> None:
    """Look for what is wrong: settings, secrets, disk, database, relay, ports. Exit code 1 when something fails.

    It changes nothing. Run it with the settings, and as the user, of the service.

    Examples:

        relay-analytics doctor

        relay-analytics doctor --json | jq 'select(.level != "ok")'
    """
    console, failed = Console(highlight=False, soft_wrap=True), False
    for finding in findings():
        failed = failed or finding.level == "fail"
        if as_json:
            typer.echo(json.dumps(asdict(finding), ensure_ascii=False))
        else:
            console.print(f"{SIGNS[finding.level]} [bold]{finding.check}[/]  {finding.what}")
            if finding.do:
                console.print(f"    → {finding.do}", markup=False)
    if failed:
        raise typer.Exit(1)


def findings() -> Iterator[Finding]:
    """What each check says. Wrong settings are findings too; then there is nothing to check with."""
    try:
        settings = get_settings()
    except ValidationError as error:
        for item in error.errors():
            name = ".".join(str(part) for part in item["loc"]).upper() or "settings"
            yield fail("settings", f"{name}: {item['msg']}.", "docs/settings.md tells what it accepts.")
        return
    yield ok("settings", "They can all be read.")
    for check in CHECKS:
        yield from check(settings)
