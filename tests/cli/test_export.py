"""`relay-analytics export`, as an analyst runs it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.exceptions import BadParameterError
from core.export import raw
from core.settings import get_settings
from core.storage.database import Database
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event

RANGE = ["export", "--start", "2026-03-10", "--end", "2026-03-10"]


@pytest.fixture(autouse=True)
def stored(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    get_settings.cache_clear()
    with BatchWriter(database) as writer:
        writer.write([batch([event(NOON), event(NOON, "bob", event_type="COUNT")])])
    yield
    get_settings.cache_clear()


def test_it_writes_the_file_and_tells_its_checksum(tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    result = CliRunner().invoke(app, [*RANGE, "--format", "json", "--event-type", "COUNT", "-o", str(file)])
    assert result.exit_code == 0, result.output
    assert [row["client_id"] for row in json.loads(file.read_bytes())] == ["bob"]
    assert "1 events" in result.output
    assert hashlib.sha256(file.read_bytes()).hexdigest() in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["events.json"]


def test_a_file_that_was_there_stays_until_the_new_one_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "events.csv"
    file.write_text("yesterday's")
    monkeypatch.setattr(raw, "CSV_OPTIONS", "FORMAT nonsense")
    result = CliRunner().invoke(app, [*RANGE, "-o", str(file)])
    assert result.exit_code != 0
    assert file.read_text() == "yesterday's"
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*RANGE, "--format", "xml", "-o", str(tmp_path / "x")])
    assert isinstance(result.exception, BadParameterError)
    assert list(tmp_path.iterdir()) == []
