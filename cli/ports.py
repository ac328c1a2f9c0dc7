"""Ports that a command is about to use."""

from __future__ import annotations

import socket

from core.exceptions import RelayAnalyticsError
from core.settings import Settings


class PortTakenError(RelayAnalyticsError):
    """A port that Relay Analytics needs is taken by another program."""


def ports_of(settings: Settings, parts: frozenset[str]) -> list[tuple[str, str, int]]:
    """Setting, address and port that each of these parts listens on."""
    listening = {
        "tap": ("TAP_PORT", settings.tap_host, settings.tap_port if settings.relay_url is not None else None),
        "collector": ("COLLECTOR_PORT", settings.collector_host, settings.collector_port),
        "api": ("API_PORT", settings.api_host, settings.api_port),
        "dashboard": ("DASHBOARD_PORT", settings.dashboard_host, settings.dashboard_port),
    }
    return [(name, host, port) for part, (name, host, port) in listening.items() if part in parts and port is not None]


def require_free(setting: str, host: str, port: int) -> None:
    """Raises PortTakenError when nobody can listen there any more."""
    reason = why_taken(host, port)
    if reason is not None:
        raise PortTakenError(
            f"Port {port} is not available ({reason}). Stop what uses it, or set {setting} to another."
        )


def why_taken(host: str, port: int) -> str | None:
    """Why a port cannot be listened on; None when it can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
