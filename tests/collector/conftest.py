"""A running collector with a source that may send, and what it put into its spool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from core.accounts import sources
from core.records import Batch, Event, Refusal
from core.settings import Settings
from core.spools import spool_directory
from core.storage.database import Database
from ingest.collector.collecting import Collector
from ingest.collector.serving import running_collector
from ingest.spool import Spool
from tests.support import servers

MakeSettings = Callable[..., Settings]
Running = Callable[..., AbstractAsyncContextManager["Sender"]]


@pytest.fixture
def make_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    """Settings with a data directory of the test's own, independent of the environment."""

    def make(**values: Any) -> Settings:
        for name in ("RELAY_URL", "DATABASE_URL", "DEMO", "DATA_DIR", "COLLECTOR_PORT"):
            monkeypatch.delenv(name, raising=False)
        return Settings(_env_file=None, **{"data_dir": tmp_path, "demo": "off", "collector_port": 7070, **values})

    return make


@dataclass
class Sender:
    """A service that hands events to a collector."""

    port: int
    token: str
    collector: Collector

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def post(self, body: bytes, batch: str | None = "batch-1", **headers: str) -> httpx.Response:
        given = self.authorization | ({} if batch is None else {"Batch-Id": batch})
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as client:
            return await client.post("/v1/events", content=body, headers=given | headers)

    def connect(self, **options: Any) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/v1/events", additional_headers=self.authorization, **options)


@pytest.fixture(scope="module")
def tokens_database(server_dsn: str) -> Iterator[Database]:
    """A database that tells whose a token is, the same for all tests of a module."""
    with servers.fresh_database(server_dsn) as made:
        yield made


@pytest.fixture(scope="module")
def token(tokens_database: Database) -> str:
    """The token of a source named chat."""
    return sources.issue(tokens_database, "chat", datetime.now(UTC))


@pytest.fixture
def settings(make_settings: MakeSettings, tokens_database: Database) -> Settings:
    return make_settings(database_url=tokens_database.dsn)


@pytest.fixture
def running(settings: Settings, token: str) -> Running:
    """Starts a collector; again on the same spool, if asked twice."""

    @asynccontextmanager
    async def run(changed: Settings | None = None) -> AsyncIterator[Sender]:
        async with running_collector(changed or settings, 0) as (collector, port):
            yield Sender(port, token, collector)

    return run


@pytest_asyncio.fixture
async def sender(running: Running) -> AsyncIterator[Sender]:
    async with running() as made:
        yield made


@pytest_asyncio.fixture
async def socket(sender: Sender) -> AsyncIterator[ClientConnection]:
    """An open WebSocket to the collector."""
    async with sender.connect() as connection:
        yield connection


def spooled(settings: Settings) -> list[Batch]:
    """What the collector's spool holds."""
    with Spool(spool_directory(settings) / "collector.spool", settings.spool_max_bytes) as spool:
        return [each.batch for each in spool.read(limit=100_000) if each.batch is not None]


def events(settings: Settings) -> list[Event]:
    return [event for batch in spooled(settings) for event in batch.events]


def refusals(settings: Settings) -> list[Refusal]:
    return [refusal for batch in spooled(settings) for refusal in batch.refusals]
