"""The files of `deploy/`, the Dockerfile and docker-compose.yml: what they name exists, and they are locked down."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.serve import Part
from core.settings import ROOT, Settings

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")
CADDY = shutil.which("caddy")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OTHERS = {"FORWARDED_ALLOW_IPS"}
"""Variables of the libraries below, not settings of ours."""


def ours(name: str) -> bool:
    return name.lower() in Settings.model_fields or name in OTHERS


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_container_is_locked_down_watched_and_bounded(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["healthcheck"]["test"]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["secrets"] == ["database_password"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_images_are_pinned_and_run_as_nobody_special() -> None:
    services = COMPOSE["services"]
    assert services["database"]["image"] == "timescale/timescaledb:2.28.3-pg17"
    assert services["database"]["user"] == "70:70"
    version = PROJECT["project"]["version"]
    assert {services[part]["image"] for part in ("worker", "api", "dashboard")} == {f"relay-analytics:{version}"}
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)[-1] == "10001:10001"


def test_containers_are_given_settings_that_exist_and_no_secret_by_environment() -> None:
    for part in ("worker", "api", "dashboard"):
        environment = COMPOSE["services"][part]["environment"]
        assert [name for name in environment if not ours(name)] == []
        assert Settings(_env_file=None, database_url=environment["DATABASE_URL"]).database_dsn is not None
        assert ":" not in environment["DATABASE_URL"].split("//")[1].split("@")[0]
        assert COMPOSE["services"][part]["command"][:2] == ["serve", "--only"]
        assert COMPOSE["services"][part]["command"][2] in [part.value for part in Part]


def test_the_image_holds_all_that_the_program_needs(tmp_path: Path) -> None:
    """The COPY lines, done by hand: from that folder alone the program starts and finds its pages."""
    copied = re.findall(r"^COPY (?!--from)(.+) (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for sources, target in copied:
        for source in sources.split():
            destination = tmp_path / (target if target != "./" else source)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, destination, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, destination)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {source for sources, _ in copied for source in sources.split()} == allowed
    script = (
        "import api.__main__, dashboard.server, ingest.__main__, cli.main, ingest.writer, ingest.tap, core.settings;"
        "from dashboard import nav; from core.storage.migrate import declared; from core.sql import load;"
        "print(core.settings.ROOT, len(declared()), len(load('mark')), (core.settings.ROOT / 'Home.py').exists())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.startswith(f"{tmp_path} "), done.stderr
    assert done.stdout.endswith("True\n")


def test_the_image_is_built_with_the_locked_uv() -> None:
    assert re.search(r"pip install .*uv==\d+\.\d+\.\d+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="systemd-analyze is not installed")
def test_units_are_valid_and_confined(unit: Path, tmp_path: Path) -> None:
    assert SYSTEMD_ANALYZE is not None
    # where the program is not installed at its place, only that may be missed
    here = unit.read_text().replace("/opt/relay-analytics/.venv/bin/relay-analytics", sys.executable)
    copy = tmp_path / unit.name
    copy.write_text(here)
    verified = subprocess.run([SYSTEMD_ANALYZE, "verify", "--man=no", copy], capture_output=True, text=True)
    assert [line for line in verified.stderr.splitlines() if unit.name in line] == []
    rated = subprocess.run([SYSTEMD_ANALYZE, "security", "--offline=yes", copy], capture_output=True, text=True)
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", rated.stdout)
    assert exposure is not None, rated.stderr
    assert float(exposure[1]) < 2.0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_run_parts_that_exist(unit: Path) -> None:
    command = re.search(r"^ExecStart=\S+/relay-analytics serve --only (\S+)$", unit.read_text(), re.MULTILINE)
    assert command is not None
    assert command[1] in [part.value for part in Part]
    assert f"relay-analytics-{command[1]}.service" == unit.name


def test_the_example_environment_names_settings_and_holds_no_secret() -> None:
    text = (ROOT / "deploy" / "systemd" / "env").read_text()
    values = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert [name for name in values if not ours(name)] == []
    settings = Settings(_env_file=None, **{name.lower(): value for name, value in values.items()})
    assert settings.database_url is not None
    assert "relay_analytics@" in settings.database_url.get_secret_value()


@pytest.mark.skipif(CADDY is None, reason="caddy is not installed")
def test_the_caddyfile_is_valid(tmp_path: Path) -> None:
    assert CADDY is not None
    done = subprocess.run(
        [CADDY, "validate", "--adapter", "caddyfile", "--config", ROOT / "deploy" / "caddy" / "Caddyfile"],
        capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
