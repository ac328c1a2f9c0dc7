"""`relay-analytics schedule`, as an operator runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from core.exceptions import BadParameterError, UnknownScheduleError
from core.settings import get_settings
from core.storage.database import Database


@pytest.fixture(autouse=True)
def configured(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "DATABASE_URL": database.dsn, "DEMO": "off", "COLUMNS": "240", "DELIVERY_DIR": str(tmp_path / "delivered"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result


def test_a_schedule_from_its_making_to_its_end(tmp_path: Path) -> None:
    run("channel", "add", "books", "directory", "monthly")
    options = ["--report", "traffic", "--channel", "books", "--format", "csv", "--filter", "kind=1"]
    assert "At 06:00 on the first day" in run("schedule", "add", "Monthly", *options).output
    assert "0 6 1 * *" in run("schedule", "list").output
    assert "wrote" in run("schedule", "run", "Monthly").output
    assert any(path.suffix == ".csv" for path in (tmp_path / "delivered" / "monthly").iterdir())
    assert "delivered" in run("schedule", "ledger", "Monthly").output
    assert "wrote" in run("schedule", "resend", "1").output
    assert "paused" in run("schedule", "pause", "Monthly").output
    assert "paused" in run("schedule", "list").output
    assert "goes on" in run("schedule", "pause", "Monthly", "--resume").output
    run("schedule", "remove", "Monthly")
    assert "Monthly" not in run("schedule", "list").output


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["pause", "nothing"], UnknownScheduleError),
        (["add", "x", "--report", "traffic", "--channel", "books", "--filter", "kind"], BadParameterError),
    ],
)
def test_what_is_wrong_is_said(words: list[str], error: type[Exception]) -> None:
    assert isinstance(CliRunner().invoke(app, ["schedule", *words]).exception, error)
