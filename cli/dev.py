"""`relay-analytics dev` (`make dev`): database, tap, API and dashboard together; a demo relay and clients too when no
relay is configured."""

from __future__ import annotations

import signal
import socket
from datetime import UTC, datetime

import typer

from cli.processes import STOP_PATIENCE, Child, Processes, module
from core.accounts.users import ensure_admin
from core.exceptions import DatabaseUnavailableError, RelayAnalyticsError
from core.settings import Settings, get_settings
from core.storage.database import Database, embedded_server, open_database
from core.storage.migrate import migrate
from ingest.demo import run


class PortTakenError(RelayAnalyticsError):
    """A port that Relay Analytics needs is taken by another program."""


def dev() -> None:
    """Run everything on this machine until Ctrl-C. Without RELAY_URL: a demo relay with demo clients."""
    settings = get_settings()
    wanted = settings.demo == "on" or (settings.demo == "auto" and not settings.expects_traffic)
    demo = wanted and settings.relay_url is None
    if not settings.expects_traffic and not demo:
        raise RelayAnalyticsError(
            "DEMO=off and RELAY_URL is unset: set RELAY_URL=ws://your-relay to have something to tap."
        )
    for name, host, port in (
        ("TAP_PORT", settings.tap_host, settings.tap_port),
        ("API_PORT", settings.api_host, settings.api_port),
        ("DASHBOARD_PORT", settings.dashboard_host, settings.dashboard_port),
    ):
        _require_free(name, host, port)
    settings = settings.model_copy(update={"demo": "on" if demo else "off"})
    database = open_database(settings)
    try:
        migrate(database)
        password = ensure_admin(database, datetime.now(UTC))
    finally:
        database.close()
    processes = Processes(_children(settings, demo))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: processes.request_stop())
    typer.echo(_welcome(settings, demo, password))
    try:
        processes.run()
    finally:
        _stop_embedded(settings, database)


def _stop_embedded(settings: Settings, database: Database) -> None:
    """Stop the embedded server, unless something else (a notebook, a second part) still uses it."""
    if settings.database_url is not None:
        return
    try:
        with database.connect() as connection:
            others = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
    except DatabaseUnavailableError:  # it died, or the demo was removed meanwhile
        others = None
    if others and others[0]:
        typer.echo(f"The embedded database keeps running: {others[0]} other connections use it.")
    else:
        embedded_server(settings).stop()


def _children(settings: Settings, demo: bool) -> list[Child]:
    environment: dict[str, str] = {"DEMO": settings.demo}
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
    relay_port = _free_port()
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


def _require_free(setting: str, host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(
                f"Port {port} is not available ({error.strerror}). Stop what uses it, or set {setting} to another."
            ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
