"""`relay-analytics serve`: everything, or a part, for production: no demo, and nothing that a person has to look at."""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from typing import Annotated

import typer

from cli.database import stop_embedded
from cli.ports import ports_of, require_free
from cli.processes import STOP_PATIENCE, Child, Processes, module
from core.exceptions import RelayAnalyticsError
from core.settings import Settings, get_settings
from core.storage.database import open_database
from ingest.__main__ import PARTS as INGEST


class Part(StrEnum):
    """What can run by itself. `ingest` is tap, collector, writer and jobs."""

    INGEST = "ingest"
    TAP = "tap"
    COLLECTOR = "collector"
    WRITER = "writer"
    JOBS = "jobs"
    API = "api"
    DASHBOARD = "dashboard"


Only = Annotated[
    list[Part] | None, typer.Option(help="Run this part; may be given several times. Default: everything.")
]


def serve(only: Only = None) -> None:
    """Run everything on this machine, or parts of it, until SIGTERM. For systemd and containers.

    Settings come from the environment; the demo never runs. Nobody can sign in before you have made a user:
    relay-analytics user add admin --role admin

    Examples:

        RELAY_URL=ws://127.0.0.1:7778 relay-analytics serve

        relay-analytics serve --only tap --only writer

        relay-analytics serve --only api
    """
    settings = get_settings()
    parts = wanted(only)
    check(settings, parts)
    commands = _commands(settings, parts)
    environment = {"DEMO": "off"}
    if (
        len(commands) == 1 and settings.database_url is not None
    ):  # the process itself: signals and its exit code are those of the part
        arguments = next(iter(commands.values()))
        os.execve(arguments[0], arguments, {**os.environ, **environment})  # noqa: S606
    for setting, host, port in ports_of(settings, parts):
        require_free(setting, host, port)
    patience = STOP_PATIENCE + settings.tap_drain_seconds
    children = [Child(name, arguments, environment, patience=patience) for name, arguments in commands.items()]
    processes = Processes(children, labelled=False)
    processes.stop_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    try:
        processes.run()
    finally:
        if settings.database_url is None:
            stop_embedded(settings, open_database(settings.model_copy(update={"demo": "off"})))


def wanted(only: list[Part] | None) -> frozenset[str]:
    """The parts, with `ingest` as what it is made of."""
    chosen = {part.value for part in only or (Part.INGEST, Part.API, Part.DASHBOARD)}
    return frozenset((chosen - {Part.INGEST}) | (set(INGEST) if Part.INGEST in chosen else set()))


def check(settings: Settings, parts: frozenset[str]) -> None:
    """Raises RelayAnalyticsError when what is to run has nothing to run on."""
    if settings.demo == "on":
        raise RelayAnalyticsError("DEMO=on: serve runs no demo. Unset DEMO, or use: relay-analytics dev")
    if parts & {"tap", "collector"} and not settings.expects_traffic:
        raise RelayAnalyticsError(
            "Neither RELAY_URL nor COLLECTOR_PORT is set, so nothing could come in. "
            "Set RELAY_URL=ws://your-relay, or run only parts that need none, such as --only api."
        )


def _commands(settings: Settings, parts: frozenset[str]) -> dict[str, list[str]]:
    ingest = [part for part in INGEST if part in parts]
    found: dict[str, list[str]] = {}
    if ingest:
        chosen = [] if len(ingest) == len(INGEST) else [word for part in ingest for word in ("--only", part)]
        found["ingest"] = module("ingest", "all", *chosen)
    return found | {name: module(name) for name in ("api", "dashboard") if name in parts}
