"""Fixtures of the ingest tests: settings for a tap, a scripted relay, and what the tap put into its spool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.records import Batch
from core.settings import Settings
from ingest.spool import Spool, spool_path
from tests.ingest.scripted import ScriptedRelay

MakeSettings = Callable[..., Settings]


@pytest.fixture
def make_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    """Settings with a data directory of the test's own, independent of the environment."""

    def make(relay_url: str, **values: Any) -> Settings:
        for name in ("RELAY_URL", "DATABASE_URL", "DEMO", "DATA_DIR"):
            monkeypatch.delenv(name, raising=False)
        return Settings(_env_file=None, **{"relay_url": relay_url, "data_dir": tmp_path, "demo": "off", **values})

    return make


@pytest_asyncio.fixture
async def scripted() -> AsyncIterator[ScriptedRelay]:
    async with ScriptedRelay() as relay:
        yield relay


def spooled(settings: Settings) -> list[Batch]:
    """Everything a stopped tap measured."""
    with Spool(spool_path(settings, 0), settings.spool_max_bytes) as spool:
        return [waiting.batch for waiting in spool.read(limit=10_000) if waiting.batch is not None]
