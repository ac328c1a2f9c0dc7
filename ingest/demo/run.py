"""The demo's processes as command lines, for the supervisor of `make dev`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime

from ingest.demo.clients import DEFAULT_RATE

RELAY_PORT = 7780


@dataclass(frozen=True)
class Command:
    """A process of the demo. `ends` says that it is done some time, and must not be started again then."""

    name: str
    arguments: tuple[str, ...]
    ends: bool = False


def relay_url(port: int = RELAY_PORT) -> str:
    """Where the demo's relay listens: what the tap needs as RELAY_URL."""
    return f"ws://127.0.0.1:{port}"


def relay_command(port: int = RELAY_PORT) -> Command:
    return Command("relay", (sys.executable, "-m", "ingest.demo.relay", "--port", str(port)))


def clients_command(tap_url: str, relay_port: int = RELAY_PORT, rate: float = DEFAULT_RATE) -> Command:
    """`rate` is the number of client messages per second, all clients together."""
    options = ("--url", tap_url, "--relay-url", relay_url(relay_port), "--rate", str(rate))
    return Command("clients", (sys.executable, "-m", "ingest.demo.clients", *options))


def history_command(until: datetime) -> Command:
    """`until` is when live traffic begins. The process reads the settings of its environment and wants DEMO=on."""
    return Command("history", (sys.executable, "-m", "ingest.demo.history", "--until", until.isoformat()), ends=True)
