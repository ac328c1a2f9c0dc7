"""`relay-analytics serve` with the settings of a production machine, behind nginx as deploy/nginx has it, with TLS."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from cli.serve import Part, check, wanted
from core.accounts import tickets, tokens, users
from core.exceptions import RelayAnalyticsError
from core.settings import ROOT, Settings
from core.storage.database import Database
from dashboard.places import BASE
from tests.cli.test_dev import command, eventually, get
from tests.ingest.test_front_proxies import NGINX, http, nginx
from tests.support.ports import free_port

PASSWORD = "correct-horse-battery"
HOST = "analytics.example.org"


@pytest.fixture
def environment(database: Database, tmp_path: Path) -> dict[str, str]:
    """As a unit of systemd has it: the password of the database comes from a file, everything else from variables."""
    url = urlsplit(database.dsn)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "database_password").write_text(f"{url.password}\n")
    without = urlunsplit(url._replace(netloc=f"{url.username}@{url.hostname}:{url.port}"))
    ports = {name: str(free_port()) for name in ("TAP_PORT", "API_PORT", "DASHBOARD_PORT", "METRICS_PORT")}
    inherited = {name: value for name, value in os.environ.items() if name not in {"RELAY_URL", "DATABASE_URL", "DEMO"}}
    return inherited | ports | {
        "DATABASE_URL": without, "CREDENTIALS_DIRECTORY": str(credentials),
        "DASHBOARD_URL": f"https://{HOST}", "DATA_DIR": str(tmp_path / "data"),
    }  # fmt: skip


@contextmanager
def serving(environment: dict[str, str], output: Path, *parts: str) -> Iterator[subprocess.Popen[bytes]]:
    only = [word for part in parts for word in ("--only", part)]
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve", *only], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate of HOST with its key, and beside them, as `ca.pem`, who vouches for it."""
    authority, files = trustme.CA(), (directory / "cert.pem", directory / "key.pem")
    issued = authority.issue_cert(HOST)
    issued.cert_chain_pems[0].write_to_path(files[0])
    issued.private_key_pem.write_to_path(files[1])
    authority.cert_pem.write_to_path(directory / "ca.pem")
    return files


def configured(environment: dict[str, str], directory: Path, plain: int, secure: int) -> str:
    """The example, on ports and with a certificate of the test."""
    text = (ROOT / "deploy" / "nginx" / "relay-analytics.conf").read_text()
    chain, key = certificate(directory)
    for before, after in {
        r"listen \[::\][^;]*;\n": "\n",
        r"listen 80;": f"listen 127.0.0.1:{plain};",
        r"listen 443 ssl http2;": f"listen 127.0.0.1:{secure} ssl http2;",
        r"ssl_certificate +\S+;": f"ssl_certificate {chain};",
        r"ssl_certificate_key +\S+;": f"ssl_certificate_key {key};",
        r"127\.0\.0\.1:3000": f"127.0.0.1:{environment['DASHBOARD_PORT']}",
        r"127\.0\.0\.1:8002": f"127.0.0.1:{environment['API_PORT']}",
    }.items():
        text, found = re.subn(before, after, text)
        assert found, before
    return http(text, directory)


@pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed")
async def test_dashboard_and_api_behind_nginx_over_tls(
    environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    users.add(database, "ada", PASSWORD, datetime.now(UTC), role="admin")
    token = tokens.issue(database, "ada", datetime.now(UTC), lifetime=timedelta(days=1))
    output, plain, secure = tmp_path / "serve.log", free_port(), free_port()
    with serving(environment, output, "api", "dashboard") as process:
        dashboard = f"http://127.0.0.1:{environment['DASHBOARD_PORT']}{BASE}/_stcore/health"
        api = f"http://127.0.0.1:{environment['API_PORT']}/healthz"
        await asyncio.to_thread(eventually, lambda: get(dashboard)[0] == get(api)[0] == 200, "dashboard and API answer")
        trusted = ssl.create_default_context(cafile=None)
        async with nginx(tmp_path, configured(environment, tmp_path, plain, secure), secure):
            trusted.load_verify_locations(tmp_path / "ca.pem")
            await through_nginx(
                plain, secure, trusted, token, tickets.issue(database, "sign-in", "ada", datetime.now(UTC))
            )
        process.terminate()
        assert process.wait(60) == 0
    said = output.read_text()
    password = urlsplit(database.dsn).password
    assert password is not None
    assert [secret for secret in (password, token, PASSWORD) if secret in said] == []
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {line["process"] for line in lines} >= {"api", "dashboard"}
    assert all(line["request_id"] for line in lines if line["event"] == "request")


async def through_nginx(plain: int, secure: int, trusted: ssl.SSLContext, token: str, ticket: str) -> None:
    host = {"Host": HOST}
    base = f"https://127.0.0.1:{secure}"
    asked: dict[str, Any] = {"headers": host, "extensions": {"sni_hostname": HOST}}
    async with httpx2.AsyncClient(verify=trusted) as client:
        redirected = await client.get(f"http://127.0.0.1:{plain}{BASE}/", headers=host)
        assert (redirected.status_code, redirected.headers["location"]) == (308, f"https://{HOST}{BASE}/")
        assert (await client.get(f"{base}/", **asked)).headers["location"].endswith(f"{BASE}/")
        page = await client.get(f"{base}{BASE}/", **asked)
        assert page.status_code == 200
        assert "max-age=31536000" in page.headers["strict-transport-security"]
        for hidden in (f"{BASE}/_stcore/metrics", "/api/v1/analytics/metrics", "/elsewhere"):
            assert (await client.get(f"{base}{hidden}", **asked)).status_code == 404
        signed_in = await client.get(f"{base}{BASE}/auth/start?ticket={ticket}", **asked)
        assert signed_in.status_code == 303
        assert "secure" in signed_in.headers["set-cookie"].lower()
        assert (await client.get(f"{base}/api/v1/analytics/reports", **asked)).status_code == 401
        asked["headers"] = host | {"Authorization": f"Bearer {token}"}
        assert (await client.get(f"{base}/api/v1/analytics/dashboard/realtime", **asked)).status_code == 200
    stream = f"wss://{HOST}:{secure}{BASE}/_stcore/stream"
    origin, protocols = Origin(f"https://{HOST}"), [Subprotocol("streamlit")]
    async with connect(stream, host="127.0.0.1", ssl=trusted, origin=origin, subprotocols=protocols):
        pass


def test_serve_wants_something_to_serve_and_no_demo() -> None:
    nothing = Settings(_env_file=None, relay_url=None, collector_port=None)
    with pytest.raises(RelayAnalyticsError, match="RELAY_URL"):
        check(nothing, wanted(None))
    check(nothing, wanted([Part.API, Part.WRITER]))
    with pytest.raises(RelayAnalyticsError, match="DEMO=on"):
        check(nothing.model_copy(update={"demo": "on"}), wanted([Part.API]))


def test_ingest_is_all_that_takes_in_and_stores() -> None:
    assert wanted([Part.INGEST]) == {"tap", "collector", "writer", "jobs"}
    assert wanted(None) == {"tap", "collector", "writer", "jobs", "api", "dashboard"}


def test_a_placeholder_in_a_file_of_secrets_does_not_start(environment: dict[str, str]) -> None:
    (Path(environment["CREDENTIALS_DIRECTORY"]) / "database_password").write_text("changeme\n")
    refused = command(environment, "serve", "--only", "writer")
    assert refused.returncode == 2
    assert "DATABASE_PASSWORD" in refused.stderr
    assert "placeholder" in refused.stderr
