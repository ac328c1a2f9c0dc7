"""The collector as a process: killed at any moment it loses nothing it acknowledged, and it runs without a tap."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from core.accounts import sources
from core.settings import ROOT, Settings
from core.storage.database import Database
from ingest.writer import Writer
from tests.collector.conftest import MakeSettings
from tests.endtoend.stack import DEADLINE, eventually
from tests.support.ports import free_port

ROUNDS = 10
KILL_WITHIN_SECONDS = 0.3


@asynccontextmanager
async def collector(
    settings: Settings, port: int, *role: str, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    assert settings.database_url is not None
    environment = {
        **os.environ, "DATA_DIR": str(settings.data_dir), "DEMO": "off", "RELAY_URL": "",
        "DATABASE_URL": settings.database_url.get_secret_value(), "COLLECTOR_PORT": str(port),
        "METRICS_PORT": "0", **more,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingest", *role, cwd=ROOT, env=environment, stderr=asyncio.subprocess.DEVNULL
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

        await eventually(listens, "the collector to listen")
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), DEADLINE)


class Numbered:
    """A sender that repeats what was not acknowledged, under the same id, as it should."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self.next = 1
        self.unanswered: set[int] = set()
        self.acknowledged: set[int] = set()

    async def run(self) -> None:
        """Until the connection breaks."""
        async with connect(self._url, additional_headers=self._headers) as socket:
            for number in sorted(self.unanswered):
                await socket.send(self._message(number))
            while True:
                if len(self.unanswered) < 6:
                    self.unanswered.add(self.next)
                    await socket.send(self._message(self.next))
                    self.next += 1
                else:
                    self._note(json.loads(await socket.recv()))

    async def finish(self) -> None:
        """Until all that was sent is acknowledged."""
        async with connect(self._url, additional_headers=self._headers) as socket:
            for number in sorted(self.unanswered):
                await socket.send(self._message(number))
            while self.unanswered:
                self._note(json.loads(await socket.recv()))

    def _note(self, answer: dict[str, str]) -> None:
        number = int(answer["ack"].removeprefix("b-"))
        self.unanswered.discard(number)
        self.acknowledged.add(number)

    @staticmethod
    def _message(number: int) -> str:
        records = [{"client_id": f"client {number}", "connection": row} for row in range(20)]
        return json.dumps({"batch": f"b-{number}", "records": records})


async def test_killed_again_and_again_what_is_acknowledged_is_stored_once(
    make_settings: MakeSettings, database: Database
) -> None:
    settings = make_settings(database_url=database.dsn)
    token, port = sources.issue(database, "chat", datetime.now(UTC)), free_port()
    sender = Numbered(f"ws://127.0.0.1:{port}/v1/events", token)
    chance = random.Random(7)
    for _ in range(ROUNDS):
        async with collector(settings, port, "collector") as process:
            sending = asyncio.create_task(sender.run())
            await asyncio.wait({sending}, timeout=chance.uniform(0, KILL_WITHIN_SECONDS))
            process.send_signal(signal.SIGKILL)
            with pytest.raises((OSError, WebSocketException, EOFError)):
                await asyncio.wait_for(sending, DEADLINE)
    async with collector(settings, port, "collector"):
        await sender.finish()
    writer = Writer(settings, lambda _: database)
    while writer.step():
        pass
    writer.close()
    with database.borrow() as connection:
        rows = connection.execute(
            "SELECT client_id, count(*), count(DISTINCT connection) FROM traffic_events GROUP BY 1"
        )
        stored = {name: (n, different) for name, n, different in rows.fetchall()}
    assert len(sender.acknowledged) > ROUNDS
    assert stored == {f"client {number}": (20, 20) for number in range(1, sender.next)}


async def test_without_a_relay_the_collector_and_the_writer_run(
    make_settings: MakeSettings, any_database: Database
) -> None:
    database = any_database
    settings = make_settings(database_url=database.dsn)
    token, port, metrics = sources.issue(database, "chat", datetime.now(UTC)), free_port(), free_port()
    async with collector(settings, port, METRICS_PORT=str(metrics)) as process, httpx.AsyncClient() as client:
        answer = await client.post(
            f"http://127.0.0.1:{port}/v1/events",
            content=b'{"client_id":"alice"}\n{"client_id":7}',
            headers={"Authorization": f"Bearer {token}", "Batch-Id": "1"},
        )
        assert answer.status_code == 200

        async def stored() -> bool:
            with database.borrow() as connection:
                return connection.execute("SELECT client_id FROM traffic_events").fetchall() == [("alice",)]

        await eventually(stored, "the event in the database")

        async def counted() -> bool:
            text = (await client.get(f"http://127.0.0.1:{metrics}/metrics")).text
            return all(
                f"relay_analytics_collector_{line}" in text
                for line in (
                    'batches_total{fate="kept",process="collector"} 1.0',
                    'records_total{fate="taken",process="collector"} 1.0',
                    'records_total{fate="refused",process="collector"} 1.0',
                )
            )

        await eventually(counted, "the counters on the metrics port")
        health = await client.get(f"http://127.0.0.1:{metrics}/healthz")
        assert health.json()["processes"] == {"collector": "up", "writer": "up", "jobs": "up"}
        process.terminate()
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 0


async def test_without_a_port_it_says_what_to_set(tmp_path: Path) -> None:
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DEMO": "off", "COLLECTOR_PORT": ""}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingest", "collector", cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert (process.returncode, said[:26]) == (2, b"COLLECTOR_PORT is not set.")
