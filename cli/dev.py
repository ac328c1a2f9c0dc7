"""`relay-analytics dev` (`make dev`): database, tap, API and dashboard together; a demo relay and clients too when no
relay is configured."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import typer

from cli.database import stop_embedded
from cli.ports import free_port, ports_of, require_free
from cli.processes import STOP_PATIENCE, Child, Processes, module
from core.accounts.users import ensure_admin
from core.exceptions import RelayAnalyticsError
from core.settings import Settings, get_settings
from core.storage.database import open_database
from core.storage.migrate import migrate
from ingest.demo import run


def dev() -> None:
    """Run everything on this machine until Ctrl-C. Without RELAY_URL: a demo relay with demo clients."""
    settings = get_settings()
    wanted = settings.demo == "on" or (settings.demo == "auto" and not settings.expects_traffic)
    demo = wanted and settings.relay_url is None
    if not settings.expects_traffic and not demo:
        raise RelayAnalyticsError(
            "DEMO=off and RELAY_URL is unset: set RELAY_URL=ws://your-relay to have something to tap."
        )
    parts = frozenset({"collector", "api", "dashboard"})
    taps = [("TAP_PORT", settings.tap_host, settings.tap_port)] if demo or settings.relay_url is not None else []
    for name, host, port in (*taps, *ports_of(settings, parts)):
        require_free(name, host, port)
    settings = settings.model_copy(update={"demo": "on" if demo else "off"})
    database = open_database(settings)
    try:
        migrate(database)
        password = ensure_admin(database, datetime.now(UTC))
    finally:
        database.close()
    processes = Processes(_children(settings, demo))
    processes.stop_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    typer.echo(_welcome(settings, demo, password))
    try:
        processes.run()
    finally:
        stop_embedded(settings, database)


def _children(settings: Settings, demo: bool) -> list[Child]:
    log_format = "text" if settings.log_format == "auto" else settings.log_format  # a person looks on, through a pipe
    environment: dict[str, str] = {"DEMO": settings.demo, "LOG_FORMAT": log_format}
    drain = settings.tap_drain_seconds if "tap_drain_seconds" in settings.model_fields_set else 0.0
    ingest = Child(
        "ingest",
        module("ingest"),
        environment | {"TAP_DRAIN_SECONDS": str(drain)},  # Ctrl-C should not wait, unless it was asked for
        patience=STOP_PATIENCE + drain,
    )
    parts = [ingest, *(Child(name, module(name), environment) for name in ("api", "dashboard"))]
    if not demo:
        return parts
    relay_port = free_port()
    relayed = {"RELAY_URL": run.relay_url(relay_port), "RELAY_NAME": settings.relay_name or "demo"}
    environment |= relayed
    ingest.environment = {**ingest.environment, **relayed}
    tap = f"ws://127.0.0.1:{settings.tap_port}"
    relay, clients, history = (
        Child(command.name, command.arguments, environment, once=command.ends)
        for command in (
            run.relay_command(relay_port),
            run.clients_command(tap, relay_port),
            run.history_command(datetime.now(UTC)),
        )
    )
    return [relay, *parts, clients, history]


def _welcome(settings: Settings, demo: bool, password: str | None) -> str:
    base = f"http://localhost:{settings.dashboard_port}/dashboard/analytics"
    tapped = "a demo relay with demo clients (RELAY_URL is not set)" if demo else settings.relay_url
    lines = [
        "",
        f"  Relay Analytics{' · DEMO DATA' if demo else ''}",
        "",
        f"  Dashboard   {base}",
        f"  API         http://localhost:{settings.api_port}/docs",
    ]
    if tapped is not None:
        lines.append(f"  Tap         ws://localhost:{settings.tap_port}  →  {tapped}")
    if settings.collector_port is not None:
        lines.append(f"  Collector   http://localhost:{settings.collector_port}/v1/events")
    if password:
        lines += [
            "",
            f"  Sign in as  admin  with the password  {password}",
            "              It is shown this once. To set another: relay-analytics user password admin",
        ]
    return "\n".join([*lines, "", "  Ctrl-C stops everything.", ""])
