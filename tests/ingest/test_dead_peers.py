"""Peers that vanish without a word: in a network namespace whose packets are all dropped from one moment on."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import ROOT
from ingest.tap import running_tap
from tests.ingest.conftest import MakeSettings
from tests.ingest.scripted import DEADLINE, ScriptedRelay
from tests.ingest.test_transparency import SWITCH, UPGRADE


async def test_both_sockets_are_watched_and_send_at_once(scripted: ScriptedRelay, make_settings: MakeSettings) -> None:
    settings = make_settings(scripted.url, tap_dead_peer_seconds=80)
    async with running_tap(settings) as tap, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(UPGRADE + b"\r\n")
        _, relay = await scripted.accepted()
        relay.write(SWITCH + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        (client_side,) = tap.sides
        for side in (client_side, client_side.other):
            assert side is not None
            assert side.transport is not None
            found = side.transport.get_extra_info("socket")
            options = [
                found.getsockopt(level, option)
                for level, option in (
                    (socket.IPPROTO_TCP, socket.TCP_NODELAY),
                    (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                )
            ]
            assert options == [1, 1, 40, 10, 4, 80_000]
        writer.close()


# What runs in the namespace: a tap, its relay and a client, on an interface that goes away under them.
VANISHING = """
import asyncio, subprocess, sys
from pathlib import Path
from core.settings import Settings
from ingest.tap import running_tap
from tests.ingest.scripted import ScriptedRelay
from tests.ingest.test_transparency import SWITCH, UPGRADE

async def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    async with ScriptedRelay() as relay:
        settings = Settings(
            _env_file=None, relay_url=relay.url, data_dir=Path(sys.argv[1]), demo="off", tap_dead_peer_seconds=2
        )
        async with running_tap(settings) as tap, asyncio.timeout(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.write(UPGRADE + b"\\r\\n")
            _, answer = await relay.accepted()
            answer.write(SWITCH + b"\\r\\n")
            await reader.readuntil(b"\\r\\n\\r\\n")
            print("connected", tap.connections, flush=True)
            subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
            while tap.connections:
                await asyncio.sleep(0.1)
            print("noticed", flush=True)
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            writer.close()

asyncio.run(main())
"""


def _namespace() -> list[str] | None:
    """How to run something in a network of its own, where that is allowed."""
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        return None
    for command in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        tried = subprocess.run([*command, "ip", "link", "set", "lo", "up"], capture_output=True, timeout=20)
        if tried.returncode == 0:
            return command
    return None


def test_a_connection_whose_ends_vanish_is_noticed(tmp_path: Path) -> None:
    command = _namespace()
    if command is None:
        pytest.skip("a network namespace is not allowed here")
    ran = subprocess.run(
        [*command, sys.executable, "-c", VANISHING, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    said = [line for line in ran.stdout.splitlines() if line in ("connected 1", "noticed")]
    assert said == ["connected 1", "noticed"], ran.stderr
