"""Settings and importers for the tests of imports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.settings import Settings
from core.storage.database import Database
from ingest.imports.importing import Importer, Summary
from ingest.imports.naming import Naming

LOGS = Path(__file__).parent / "logs"
NOW = datetime(2026, 3, 20, tzinfo=UTC)
LONG_AGO = datetime(2025, 3, 20, tzinfo=UTC)

Import = Callable[..., Summary]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path / "data")


@pytest.fixture
def naming(settings: Settings) -> Naming:
    return Naming(settings, NOW.timestamp())


@pytest.fixture
def import_into(settings: Settings) -> Import:
    def run(database: Database, path: Path | str, **options: Any) -> Summary:
        options = {"relay": "relay.example", "zone": ZoneInfo("UTC"), "clock": NOW.timestamp, **options}
        return Importer(database, options.pop("settings", settings), **options).run(str(path))

    return run
