"""The demo's processes as command lines, for the supervisor of `make dev`, and a way to run them by themselves.

`python -m ingest.demo.run --tap-port 7777 --relay-port 7780` runs relay and clients (the tap between them is started by
someone else) and, with `--history`, the back-fill. It ends them on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.demo.clients import DEFAULT_RATE

RELAY_PORT = 7780
STOP_SECONDS = 5.0


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


async def start_demo(commands: Sequence[Command]) -> list[asyncio.subprocess.Process]:
    """Starts the processes; end them with `stop_demo`."""
    return [await asyncio.create_subprocess_exec(*command.arguments) for command in commands]


async def stop_demo(processes: Sequence[asyncio.subprocess.Process]) -> None:
    """Asks the processes to end, and makes those end that have not after STOP_SECONDS."""
    running = [process for process in processes if process.returncode is None]
    for process in running:
        process.terminate()
    for process in running:
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def run(commands: Sequence[Command]) -> None:
    """Runs the processes until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    processes = await start_demo(commands)
    await stop.wait()
    await stop_demo(processes)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m ingest.demo.run", description="Relay, clients and history.")
    parser.add_argument("--tap-port", type=int, default=7777, help="port of the tap that the clients connect to")
    parser.add_argument("--relay-port", type=int, default=RELAY_PORT, help="port for the relay behind the tap")
    parser.add_argument("--rate", type=float, default=DEFAULT_RATE, help="client messages per second")
    parser.add_argument("--history", action="store_true", help="also back-fill history up to now")
    options = parser.parse_args(arguments)
    commands = [
        relay_command(options.relay_port),
        clients_command(f"ws://127.0.0.1:{options.tap_port}", options.relay_port, options.rate),
    ]
    if options.history:
        commands.append(history_command(datetime.now(UTC)))
    asyncio.run(run(commands))


if __name__ == "__main__":
    main()
