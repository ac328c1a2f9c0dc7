"""Documentation is part of each feature: what exists is described, and what is described exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.metrics import Metrics as ApiMetrics
from cli import metrics, reports, settings
from cli.main import app as command
from cli.serve import Part
from core.settings import ROOT, Settings
from core.storage.database import Database
from ingest.metrics import METRICS, PREFIX

OTHERS = {
    "MAX_WORKERS",
    "FAULT_SEED",
    "ALL_LOOKS",
    "TEST_TIMESCALE_URL",
    "DATABASE_MEMORY",
    "WORKER_MEMORY",
    "API_MEMORY",
    "DASHBOARD_MEMORY",
    "TCP_NODELAY",
    "TCP_USER_TIMEOUT",
    "SO_REUSEPORT",
    "CREDENTIALS_DIRECTORY",
    "COLLECTOR_TOKEN",
    "SSL_CERT_FILE",
    "ON_DEMAND",
}
"""Names in the docs that look like settings of ours and are others' or of other things."""
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
    """Files, and headings within them."""
    targets = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", page.read_text())
    local = [target for pair in targets for target in pair if target and not re.match(r"[a-z]+:", target)]
    dead = []
    for target in local:
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
            dead.append(target)
    assert dead == []


def anchors(text: str) -> set[str]:
    """Those of the headings, as the common renderers make them."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert [page for page in sorted(pages) if f"]({page})" not in index] == []


def test_every_setting_in_the_docs_exists() -> None:
    """Words of capitals with an underscore, in the form of code, are settings, or of OTHERS."""
    named = {name for page in PAGES for name in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`", page.read_text())}
    assert sorted(named - OTHERS - {name.upper() for name in Settings.model_fields}) == []


def test_every_metric_of_the_api_is_described() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    shown = re.findall(rb"^# TYPE (\w+)", ApiMetrics().text(), re.MULTILINE)
    assert [name for name in shown if not name.endswith(b"_created") and name.decode() not in text] == []


def test_every_process_and_part_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text().lower()
    assert [part.value for part in Part if part is not Part.INGEST and part.value not in text] == []


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
