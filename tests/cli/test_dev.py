"""`make dev` as a whole: demo relay, clients, tap, writer, API and dashboard, from nothing to a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from core.settings import ROOT
from core.storage.embedded import EmbeddedServer
from tests.support.ports import free_port

PATIENCE = 90.0


def eventually(check: Callable[[], Any], what: str) -> Any:
    """The first true value of `check`, called until PATIENCE is over."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = check()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f"not within {PATIENCE:.0f} s: {what}")


def get(url: str, token: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def running(environment: dict[str, str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "dev"], env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ports = {name: str(free_port()) for name in ("TAP_PORT", "API_PORT", "DASHBOARD_PORT", "METRICS_PORT")}
    inherited = {name: value for name, value in os.environ.items() if name not in {"RELAY_URL", "DATABASE_URL", "DEMO"}}
    return inherited | ports | {"DATA_DIR": str(tmp_path / "var")}


@pytest.mark.timeout(300)
def test_everything_runs_with_nothing_configured_and_ends_cleanly(environment: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "dev.log"
    api = f"http://127.0.0.1:{environment['API_PORT']}"
    realtime = f"{api}/api/v1/analytics/dashboard/realtime"
    with running(environment, output) as process:
        eventually(lambda: get(f"{api}/healthz")[0] == 200, "the API answers")
        said = output.read_text()
        assert "DEMO DATA" in said
        assert said.count("with the password") == 1
        created = command(environment, "token", "create")
        assert created.returncode == 0, created.stderr
        token = created.stdout.strip()
        assert get(realtime)[0] == 401

        def flowing() -> dict[str, Any] | None:
            answer = msgspec.json.decode(get(realtime, token)[1])
            summary: dict[str, Any] = answer["data"]["summary"][0]
            types = {row["event_type"] for row in answer["data"]["event_types"]}
            busy = (summary["events_per_second"] or 0) > 0 and {"EVENT", "REQ", "CLOSE"} <= types
            return answer if busy and answer["data"]["latest_errors"] else None

        assert eventually(flowing, "demo traffic of several types, with refusals, is reported")["meta"]["demo"] is True
        page = f"http://127.0.0.1:{environment['DASHBOARD_PORT']}/dashboard/analytics"
        eventually(lambda: get(f"{page}/_stcore/health")[0] == 200, "the dashboard answers")

        second = command(environment, "dev")
        assert second.returncode == 1
        assert "TAP_PORT" in second.stderr

        children = psutil.Process(process.pid).children(recursive=True)
        writer = next(child for child in children if "writer" in child.cmdline())
        writer.kill()
        before = msgspec.json.decode(get(realtime, token)[1])["data"]["summary"][0]["events_today"]
        eventually(
            lambda: msgspec.json.decode(get(realtime, token)[1])["data"]["summary"][0]["events_today"] > before + 20,
            "traffic is stored again after the writer was killed",
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    assert "Traceback" not in output.read_text()
    removed = command(environment, "demo", "remove", "--yes")
    assert "gone" in removed.stdout, removed.stderr
    assert "no demo data" in command(environment, "demo", "remove", "--yes").stdout
    assert not EmbeddedServer(Path(environment["DATA_DIR"]) / "postgres").is_running()


def test_a_wrong_setting_is_a_sentence(environment: dict[str, str]) -> None:
    result = command(environment | {"RELAY_URL": "http://example.org"}, "dev")
    assert result.returncode == 2
    assert "RELAY_URL" in result.stderr
    assert "ws://" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_placeholder_password_does_not_start(environment: dict[str, str]) -> None:
    result = command(environment | {"DATABASE_URL": "postgresql://relay:changeme@127.0.0.1/relay"}, "dev")
    assert result.returncode == 2
    assert "placeholder" in result.stderr
