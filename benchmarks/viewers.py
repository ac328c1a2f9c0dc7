"""What a viewer of the realtime page costs: the share of one core that the dashboard takes with 1, 10 and 50 of them.

Each viewer speaks to the dashboard as a browser does, over Streamlit's own WebSocket: it opens the page and asks for
the live part again at the interval it was told. Meanwhile a relay's traffic is written to the database, so that every
refresh has something new to show.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import websockets
from rich.console import Console
from rich.table import Table
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.pages import dashboard, visitor
from benchmarks.servers import database as database_of
from benchmarks.servers import machine, server
from core.records import Batch, Event, Sample
from core.storage import partitions
from core.storage.connections import Database
from core.storage.fold import fold
from core.storage.migrate import migrate
from core.storage.writer import BatchWriter
from dashboard.places import BASE, COOKIE

RESULTS = Path(__file__).parent / "results"
CROWDS = (1, 10, 50)
EVENTS_PER_SECOND = 50
HISTORY_SECONDS = 900
ARRIVE_WITHIN = 60.0
TYPES = ("EVENT", "REQ", "CLOSE", "COUNT")


def second(at: int, random: np.random.Generator) -> tuple[list[Event], Sample]:
    """What a relay sees in the second that begins at `at` (microseconds)."""
    events = [
        Event(
            at + int(random.integers(0, 1_000_000)), f"address:{int(random.zipf(1.3)) % 500:032x}",
            TYPES[int(random.integers(0, 4))], "rejected" if refused else "ok", "blocked" if refused else None,
            float(random.lognormal(3, 1)), bytes_in=400, bytes_out=2000, connection=1,
        )
        for refused in (random.random(EVENTS_PER_SECOND) < 0.02).tolist()
    ]  # fmt: skip
    return events, Sample(at, 0, 120, 130, 1, 1, EVENTS_PER_SECOND, 80, 20_000, 100_000, cpu_percent=20.0)


def keep_writing(database: Database, ended: threading.Event) -> None:
    """A quarter of an hour that has passed, then every second as it passes; folded as the worker does."""
    random = np.random.default_rng(1)
    start = int(time.time()) - HISTORY_SECONDS
    with BatchWriter(database) as writer:
        batch = [second((start + n) * 1_000_000, random) for n in range(HISTORY_SECONDS)]
        number = 0
        while True:
            number += 1
            events = [event for events, _ in batch for event in events]
            writer.write([Batch("viewers", number, "relay.example", events, [], [], [sample for _, sample in batch])])
            if number % 10 == 1:
                fold(database, datetime.now(UTC))
            if ended.wait(1.0):
                return
            batch = [second((int(time.time()) - 1) * 1_000_000, random)]


class Viewer:
    """A browser tab with the realtime page open."""

    def __init__(self, address: str, token: str) -> None:
        self._socket = f"ws{address.removeprefix('http')}_stcore/stream"
        self._headers = {"Cookie": f"{COOKIE}={token}"}
        self._origin = address.removesuffix(f"{BASE}/")
        self.refreshed = 0
        self.live = asyncio.Event()

    async def stay(self) -> None:
        async with websockets.connect(
            self._socket, additional_headers=self._headers, origin=websockets.Origin(self._origin),
            subprotocols=[websockets.Subprotocol("streamlit")], max_size=None,
        ) as connection:  # fmt: skip
            await connection.send(BackMsg(rerun_script=ClientState(query_string="")).SerializeToString())
            refreshing: dict[str, asyncio.Task[None]] = {}
            try:
                async for data in connection:
                    message = ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
                    kind = message.WhichOneof("type")
                    if kind == "auto_rerun" and message.auto_rerun.fragment_id not in refreshing:
                        told = message.auto_rerun
                        refreshing[told.fragment_id] = asyncio.create_task(
                            self._refresh(connection, told.fragment_id, told.interval)
                        )
                        self.live.set()
                    if kind == "script_finished":
                        self.refreshed += 1
            finally:
                for task in refreshing.values():
                    task.cancel()

    async def _refresh(self, connection: websockets.ClientConnection, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            again = BackMsg(rerun_script=ClientState(fragment_id=fragment, is_auto_rerun=True))
            await connection.send(again.SerializeToString())


async def crowd(address: str, token: str, process: psutil.Process, size: int, seconds: float) -> dict[str, Any]:
    viewers = [Viewer(address, token) for _ in range(size)]
    tasks = []
    for viewer in viewers:
        tasks.append(asyncio.create_task(viewer.stay()))
        await asyncio.sleep(2 / size)
    async with asyncio.timeout(ARRIVE_WITHIN):
        await asyncio.gather(*(viewer.live.wait() for viewer in viewers))
    await asyncio.sleep(4)
    before, refreshed, started = cpu_seconds(process), sum(one.refreshed for one in viewers), time.perf_counter()
    await asyncio.sleep(seconds)
    passed = time.perf_counter() - started
    used = cpu_seconds(process) - before
    shown = sum(one.refreshed for one in viewers) - refreshed
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(2)
    return {
        "viewers": size,
        "core_percent": round(100 * used / passed, 1),
        "refreshes_per_viewer_and_second": round(shown / size / passed, 2),
    }


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="How long each crowd looks on.")
    given = parser.parse_args()
    with server() as running, database_of(running, "viewers") as (database, _):
        migrate(database)
        partitions.ensure(database, datetime.now(UTC))
        ended = threading.Event()
        relay = threading.Thread(target=keep_writing, args=(database, ended))
        relay.start()
        try:
            with dashboard(database) as (address, pid):
                token, process = visitor(database), psutil.Process(pid)
                found = [asyncio.run(crowd(address, token, process, size, given.seconds)) for size in CROWDS]
        finally:
            ended.set()
            relay.join()
    result = {"crowds": found} | machine()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "viewers.json").write_text(json.dumps(result, indent=2) + "\n")
    table = Table("Viewers", "% of a core", "refreshes per viewer and second")
    for one in found:
        table.add_row(*(str(value) for value in one.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
