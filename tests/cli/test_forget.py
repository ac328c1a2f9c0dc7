"""`relay-analytics forget`, as an operator runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from core import audit
from core.exceptions import UnknownClientError
from core.records import decode_batch, encode_batch
from core.settings import Settings, get_settings
from core.spools import spool_directory
from core.storage.database import Database
from core.storage.writer import BatchWriter
from ingest.spool import Spool, spool_path
from tests.support.records import NOON, batch, event

CLIENT = "c" * 64


@pytest.fixture(autouse=True)
def settings(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("RAW_RETENTION_DAYS", "36500")
    monkeypatch.setenv("DEMO", "off")
    get_settings.cache_clear()
    with BatchWriter(database) as writer:
        writer.write([batch([event(NOON, CLIENT, app="own"), event(NOON, "bob")])])
    yield get_settings()
    get_settings.cache_clear()


def clients(database: Database) -> list[str]:
    return list(database.read("SELECT client_id FROM clients ORDER BY client_id DESC")["client_id"])


def test_it_asks_before_it_does_anything(database: Database) -> None:
    result = CliRunner().invoke(app, ["forget", CLIENT], input="n\n")
    assert result.exit_code == 1
    assert set(clients(database)) == {CLIENT, "bob"}


def test_a_dry_run_says_what_would_be_touched(database: Database) -> None:
    result = CliRunner().invoke(app, ["forget", CLIENT, "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "rows on 1 days from 2026-03-10" in result.output
    assert set(clients(database)) == {CLIENT, "bob"}


def test_what_waits_in_a_spool_is_forgotten_too(database: Database, settings: Settings) -> None:
    waiting = batch([event(NOON, CLIENT), event(NOON, "bob")], source="tap:r:0:1")
    with Spool(spool_path(settings, 0), settings.spool_max_bytes) as spool:
        spool.append(waiting)
    refused = spool_directory(settings) / "quarantine" / "one.batch"
    refused.parent.mkdir()
    refused.write_bytes(encode_batch(waiting))
    result = CliRunner().invoke(app, ["forget", CLIENT, "--yes"])
    assert result.exit_code == 0, result.output
    assert [name.partition(":")[0] for name in clients(database)] == ["forgotten", "bob"]
    rows = database.read("SELECT client_id, count(*) AS n FROM traffic_events GROUP BY 1 ORDER BY 1")
    assert list(rows["n"]) == [2, 2]
    assert [entry.action for entry in audit.entries(database)] == ["client.forget"]
    assert [one.client for one in decode_batch(refused.read_bytes()).events] == ["bob"]


def test_an_unknown_client_is_named() -> None:
    result = CliRunner().invoke(app, ["forget", "nobody", "--yes"])
    assert isinstance(result.exception, UnknownClientError)
