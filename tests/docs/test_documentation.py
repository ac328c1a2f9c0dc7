"""Documentation is part of each feature: what exists is described, and what is described exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.app import create_app
from cli import metrics, reports, settings
from cli.main import app as command
from core.settings import ROOT, Settings
from core.storage.database import Database
from ingest.metrics import METRICS, PREFIX

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def test_the_list_of_settings_is_current() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings.as_markdown(), (
        "run: relay-analytics settings --markdown > docs/settings.md"
    )


def test_the_list_of_reports_is_current() -> None:
    assert (ROOT / "docs" / "reports.md").read_text() == reports.as_markdown(), (
        "run: relay-analytics reports --markdown > docs/reports.md"
    )


def test_the_list_of_metrics_is_current() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == metrics.as_markdown(), (
        "run: relay-analytics metrics --markdown > docs/metrics.md"
    )


def test_every_metric_in_the_docs_exists() -> None:
    shown = {metric.shown.removeprefix(PREFIX) for metric in METRICS.values()}
    table = (ROOT / "docs" / "tap.md").read_text().partition("## When a number grows")[2]
    named = set(re.findall(r"`([a-z]+_[a-z_]+)(?:\{[^`]*)?`", table))
    assert named - {"relay_analytics_"} <= shown


def test_every_endpoint_is_described(database: Database) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    paths = create_app(database, Settings(_env_file=None)).openapi()["paths"]
    assert [path for path in paths if path not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", page.read_text())
    local = [target for pair in targets for target in pair if target and not re.match(r"[a-z]+:|#", target)]
    dead = [target for target in local if not (page.parent / target.split("#")[0]).exists()]
    assert dead == []


def test_every_make_target_in_the_docs_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert named <= targets


def test_every_command_in_the_docs_exists() -> None:
    runner = CliRunner()
    named = {match for page in PAGES for match in re.findall(r"relay-analytics ((?:[a-z]+ ?){1,2})", page.read_text())}
    for words in named:
        found = any(
            runner.invoke(command, [*words.split()[:count], "--help"]).exit_code == 0
            for count in (len(words.split()), 1)
        )
        assert found, f"relay-analytics {words}"
