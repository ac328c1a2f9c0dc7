"""`python -m ingest` as it is started: what it says when it cannot, and that traffic never waits for the database."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from core.settings import ROOT
from tests.endtoend.stack import eventually
from tests.ingest.scripted import ScriptedRelay
from tests.ingest.test_transparency import OPEN, SWITCH
from tests.support.ports import free_port

DEADLINE = 60.0


def environment(directory: Path, **values: str) -> dict[str, str]:
    quiet = {"METRICS_PORT": "0", "TAP_DRAIN_SECONDS": "0"}
    return {**os.environ, **quiet, "DATA_DIR": str(directory), "DEMO": "off", "DATABASE_URL": "", **values}


async def test_without_a_relay_it_says_what_to_set(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingest",
        cwd=ROOT,
        env=environment(tmp_path, RELAY_URL=""),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode == 2
    assert said.startswith(b"RELAY_URL is not set.")


async def test_traffic_flows_while_the_database_is_down(tmp_path: Path, scripted: ScriptedRelay) -> None:
    port = free_port()
    down = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    values = {"RELAY_URL": scripted.url, "TAP_PORT": str(port), "DATABASE_URL": down}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingest", cwd=ROOT, env=environment(tmp_path, **values), stderr=asyncio.subprocess.DEVNULL
    )
    try:

        async def listens() -> bool:
            assert process.returncode is None
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await eventually(listens, "the tap to listen")
        transcript = await scripted.play(OPEN, port)
        assert transcript.client == SWITCH + b"\r\n"
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
