"""What talks to the network: the relay, the tap, API, dashboard, metrics; and who is trusted."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from cli.checks.finding import Finding, fail, ok, warn
from cli.ports import why_taken
from core.settings import Settings

PATIENCE = 5.0
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
INFORMATION = "application/nostr+json"


def relay(settings: Settings) -> Iterator[Finding]:
    """Whether RELAY_URL accepts a WebSocket, and tells of itself (NIP-11)."""
    if settings.relay_url is None:
        if settings.collector_port is None:
            yield warn(
                "relay",
                "Neither RELAY_URL nor COLLECTOR_PORT is set: nothing can come in here.",
                "Set RELAY_URL=ws://your-relay.",
            )
        return
    reason = _no_websocket(settings.relay_url)
    if reason is not None:
        yield fail(
            "relay", f"{settings.relay_url} accepts no WebSocket: {reason}.", "Start the relay, or set RELAY_URL right."
        )
        return
    yield ok("relay", f"{settings.relay_url} accepts WebSockets.")
    parts = urlsplit(settings.relay_url)
    page = urlunsplit(parts._replace(scheme="https" if parts.scheme == "wss" else "http"))
    reason = _no_page(page, INFORMATION)
    if reason is None:
        yield ok("relay information", "It answers NIP-11.")
    else:
        yield warn(
            "relay information",
            f"It does not answer NIP-11: {reason}.",
            "Clients may show less of it; that is the relay's to mend.",
        )


def tap(settings: Settings) -> Iterator[Finding]:
    """Whether the tap lets a client through, if it runs here."""
    if settings.relay_url is None:
        return
    where = f"{_reachable(settings.tap_host)}:{settings.tap_port}"
    if why_taken(settings.tap_host, settings.tap_port) is None:
        yield warn("tap", f"Nothing listens on {where}.", "Start it: relay-analytics serve")
        return
    reason = _no_websocket(f"ws://{where}")
    if reason is None:
        yield ok("tap", f"A client comes through {where} to the relay.")
    else:
        yield fail(
            "tap",
            f"No client comes through {where}: {reason}.",
            "See the log of the tap, and whether something else has the port.",
        )


def services(settings: Settings) -> Iterator[Finding]:
    """Whether API, dashboard and metrics answer, or could be started."""
    pages = {
        "API": (settings.api_host, settings.api_port, "/healthz"),
        "dashboard": (settings.dashboard_host, settings.dashboard_port, "/dashboard/analytics/_stcore/health"),
        "metrics": (settings.metrics_host, settings.metrics_port, "/healthz"),
    }
    for name, (host, port, path) in pages.items():
        if port == 0:
            continue
        if why_taken(host, port) is None:
            yield warn(name, f"Nothing listens on port {port}.", "Start it: relay-analytics serve")
            continue
        reason = _no_page(f"http://{_reachable(host)}:{port}{path}")
        if reason is None:
            yield ok(name, f"It answers on port {port}.")
        else:
            yield fail(
                name,
                f"Port {port} does not answer as ours: {reason}.",
                "See its log, and whether something else has the port.",
            )


def trust(settings: Settings) -> Iterator[Finding]:
    """Who may say where a client comes from, and what is open without TLS."""
    wide = [network for network in settings.tap_trusted_proxies if ip_network(network, strict=False).prefixlen == 0]
    if wide:
        yield fail(
            "trusted proxies",
            f"TAP_TRUSTED_PROXIES={','.join(wide)} believes everyone.",
            "Name the addresses of your front proxies only.",
        )
    else:
        yield ok(
            "trusted proxies",
            f"Addresses of clients are believed from {', '.join(settings.tap_trusted_proxies) or 'nobody'}.",
        )
    for name, host in (
        ("API_HOST", settings.api_host),
        ("DASHBOARD_HOST", settings.dashboard_host),
        ("METRICS_HOST", settings.metrics_host),
    ):
        if host not in LOOPBACK:
            yield warn(
                "open ports",
                f"{name}={host} listens beyond this machine, without TLS.",
                "Right in a container; else listen on 127.0.0.1 behind a front proxy.",
            )
    if settings.dashboard_url is None and settings.dashboard_host not in LOOPBACK:
        yield warn(
            "dashboard name", "DASHBOARD_URL is unset: it answers under any name.", "Set it to the address people open."
        )
    elif settings.dashboard_url is not None and urlsplit(settings.dashboard_url).scheme == "http":
        yield warn(
            "dashboard name",
            "DASHBOARD_URL is not https: passwords travel openly.",
            "Put a front proxy with TLS before it: docs/quick-start.md",
        )


def _reachable(host: str) -> str:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{address}]" if ":" in address else address


def _no_websocket(url: str) -> str | None:
    """Why a WebSocket cannot be opened there; None when it can."""
    try:
        with connect(url, open_timeout=PATIENCE, close_timeout=1):
            return None
    except (OSError, WebSocketException, ssl.SSLError) as error:
        return str(error).rstrip(".") or type(error).__name__


def _no_page(url: str, accept: str = "*/*") -> str | None:
    """Why a page is not answered with success; None when it is."""
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 (http and https only)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        with error:
            return f"status {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
