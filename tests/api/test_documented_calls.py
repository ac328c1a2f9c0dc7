"""The commands of docs/api.md, run as they stand there against a running API; only host and port are this test's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from core.audit import Actor
from core.delivery import registry
from core.settings import ROOT
from tests.api.running import running
from tests.api.served import OWN, Served

pytestmark = pytest.mark.xdist_group("api-calls")

TEXT = (ROOT / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
CALLS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines() if line.startswith("$ curl ")]
CHECKING = next(block for block in BLOCKS if "x-export-id" in block)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
PROMISED = {
    "dashboard/realtime", "reports/traffic?start_date=2024-01-01&end_date=2024-01-07&granularity=day",
    "reports/bandwidth?start_date=2024-01-01&end_date=2024-01-07", "timeseries/events?hours=24",
    "timeseries/bandwidth?hours=24", "timeseries/connections?hours=24",
    "export/csv?start_date=2024-01-01&end_date=2024-01-31", "export/json?start_date=2024-01-01&end_date=2024-01-31",
}  # fmt: skip
"""Calls that must work word for word."""


@pytest.fixture
def address(served: Served) -> Iterator[str]:
    if not registry.listing(served.database):
        registry.add(served.database, Actor("admin", "page"), "books", "directory", "books", datetime.now(UTC))
    with running(served.app) as (host, port):
        yield f"{host}:{port}"


def run(command: str, address: str, served: Served, place: Path) -> str:
    """What a shell prints; curl fails on an error status."""
    here = command.replace("localhost:8002", address).replace("curl ", "curl --fail --silent --show-error ")
    environment = os.environ | {"TOKEN": served.tokens["admin"], "CLIENT": OWN}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, (command, done.stderr, done.stdout)
    return done.stdout


def test_the_promised_calls_are_documented() -> None:
    assert {call for call in PROMISED if not any(f"/api/v1/analytics/{call}" in line for line in CALLS)} == set()


@pytest.mark.parametrize("command", [call for call in CALLS if "$EXPORT" not in call])
def test_the_call_works_as_written(command: str, address: str, served: Served, tmp_path: Path) -> None:
    printed = run(command, address, served, tmp_path)
    file = re.search(r"-o (\S+)", command)
    body = (tmp_path / file[1]).read_bytes() if file else printed.encode()
    assert len(body) > 100
    if file and file[1].endswith(".csv"):
        assert len(pd.read_csv(tmp_path / file[1])) == 7 * 12


def test_the_check_of_an_export_works_as_written(address: str, served: Served, tmp_path: Path) -> None:
    script = "\n".join(line.removeprefix("$ ") for line in CHECKING.splitlines())
    assert '"state":"complete"' in run(script, address, served, tmp_path)


@pytest.mark.parametrize("recipe", PYTHON)
def test_the_python_recipe_works_as_written(recipe: str, address: str, served: Served, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", recipe.replace("localhost:8002", address)],
        env=os.environ | {"TOKEN": served.tokens["admin"]}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "events" in done.stdout
