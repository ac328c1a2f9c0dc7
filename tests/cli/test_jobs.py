"""`relay-analytics jobs`: what is listed, and running one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.jobs import listing
from core.settings import get_settings
from core.storage.database import Database
from ingest.jobs.table import TABLE


@pytest.fixture
def runner(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    yield CliRunner()
    get_settings.cache_clear()


def test_the_list_has_all_work_and_running_one_is_entered(runner: CliRunner, database: Database) -> None:
    listed = runner.invoke(app, ["jobs"]).output
    assert [task.name for task in TABLE if task.name not in listed] == []
    assert "0 waiting, 0 running, 0 given up; 0 workers." in listed
    done = runner.invoke(app, ["jobs", "run", "sign-ins"])
    assert done.output == "0 removed\n"
    job = next(job for job in listing(database) if job.name == "sign-ins")
    assert (job.outcome, job.result, job.runs) == ("succeeded", "0 removed", 1)


def test_an_unknown_job_is_a_sentence(runner: CliRunner) -> None:
    result = runner.invoke(app, ["jobs", "run", "nothing"])
    assert result.exit_code == 1
    assert "There is no job 'nothing'; there are " in str(result.exception)
