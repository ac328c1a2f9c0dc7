"""Faults are random where they may be: the seed is printed when a test fails, and FAULT_SEED repeats it."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.storage.connections import Database
from core.storage.embedded import EmbeddedServer
from core.storage.embedded_places import clear
from tests.faults.load import quick_relay


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(2**32))
    print(f"FAULT_SEED={seed}")
    return random.Random(seed)


@pytest_asyncio.fixture
async def relay() -> AsyncIterator[str]:
    async with quick_relay() as url:
        yield url


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """The embedded server of the test's own data directory, as durable as in operation; the writer starts it."""
    server = EmbeddedServer(tmp_path / "postgres")
    yield server
    server.stop()
    clear(server.data)


@pytest.fixture
def real_database(own_server: EmbeddedServer) -> Iterator[Database]:
    """The real database on the test's own server, which runs."""
    own_server.ensure()
    with Database(own_server.dsn("relay_analytics")) as database:
        yield database
