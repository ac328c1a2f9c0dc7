"""`relay-analytics doctor`: each thing that can be wrong is found, said, and says what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import pandas as pd
import psycopg
import pytest
from typer.testing import CliRunner

from cli import doctor
from cli.checks import database as database_checks
from cli.checks import host, network
from cli.checks.finding import Finding
from cli.main import app
from cli.status import _telling
from core.accounts import users
from core.settings import Settings, get_settings
from core.spools import spool_directory
from core.storage.database import Database
from tests.ingest.relays import answering_relay


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return made(database_url=database.dsn, data_dir=tmp_path, demo="off")


def made(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def by_check(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def levels(findings: Iterator[Finding]) -> dict[str, str]:
    return {finding.check: finding.level for finding in findings}


def test_a_database_that_is_as_it_should_be(settings: Settings, database: Database) -> None:
    users.ensure_admin(database, datetime.now(UTC))
    found = by_check(database_checks.database(settings))
    assert {name for name, finding in found.items() if finding.level == "ok"} >= {
        "database", "database password", "rights", "TimescaleDB", "clocks", "schema", "users",
    }  # fmt: skip
    assert found["partitions"].level == "warn"  # no writer has made those of today


def test_a_database_that_is_away_is_one_finding(tmp_path: Path) -> None:
    away = made(database_url="postgresql://nobody@127.0.0.1:1/nothing", data_dir=tmp_path)
    found = by_check(database_checks.database(away))
    assert found["database"].level == "fail"
    assert "DATABASE_URL" in str(found["database"].do)


def test_an_embedded_database_that_does_not_run_is_well(tmp_path: Path) -> None:
    assert levels(database_checks.database(made(database_url=None, data_dir=tmp_path))) == {"database": "ok"}


def test_migrations_to_come_and_nobody_to_sign_in(empty_dsn: str, settings: Settings, tmp_path: Path) -> None:
    assert by_check(database_checks.database(settings))["users"].level == "warn"
    assert "schema" not in levels(database_checks.database(made(database_url=empty_dsn, data_dir=tmp_path)))
    with psycopg.connect(empty_dsn) as connection:
        connection.execute(
            "CREATE TABLE schema_migrations (version integer, name text, checksum text, applied_at text)"
        )
    waiting = by_check(database_checks.database(made(database_url=empty_dsn, data_dir=tmp_path)))["schema"]
    assert waiting.level == "warn"
    assert "relay-analytics migrate" in str(waiting.do)


def test_a_user_without_rights_is_told_what_an_administrator_runs(database: Database, tmp_path: Path) -> None:
    url = urlsplit(database.dsn)
    with database.connect(autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS doctor_reader")
        connection.execute("CREATE ROLE doctor_reader LOGIN PASSWORD 'reads only'")  # pragma: allowlist secret
        try:
            name = f"doctor_reader:{quote('reads only')}@{url.hostname}:{url.port}"
            reader = made(database_url=urlunsplit(url._replace(netloc=name)), data_dir=tmp_path)
            assert by_check(database_checks.database(reader))["rights"].level == "fail"
        finally:
            connection.execute("DROP ROLE doctor_reader")


def test_clocks_apart_are_measured_by_what_cannot_be_travel_time() -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    second = timedelta(seconds=1)
    clock = database_checks._clock
    assert levels(clock(noon, noon + 5 * second, noon + 9 * second)) == {"clocks": "ok"}
    assert levels(clock(noon, noon - 60 * second, noon + second)) == {"clocks": "warn"}
    assert levels(clock(noon, noon + 60 * second, noon + second)) == {"clocks": "warn"}


def test_short_passwords_of_distant_servers() -> None:
    password = database_checks._password
    assert levels(password("postgresql://u:short@db.example.org/d")) == {"database password": "warn"}
    assert levels(password("postgresql://u:short@127.0.0.1/d")) == {"database password": "ok"}
    assert levels(password("postgresql://u:long-and-generated@db.example.org/d")) == {"database password": "ok"}


def test_a_replica_that_is_none_and_one_that_is_away(database: Database) -> None:
    itself = made(database_url=database.dsn, database_read_url=database.dsn)
    assert "no standby" in by_check(database_checks.replica(itself))["replica"].what
    away = made(database_read_url="postgresql://nobody@127.0.0.1:1/nothing")
    assert levels(database_checks.replica(away)) == {"replica": "warn"}
    assert levels(database_checks.replica(made())) == {}


def test_files_that_others_can_read(settings: Settings) -> None:
    keys = settings.data_dir / "keys"
    keys.mkdir(mode=0o700)
    assert levels(host.permissions(settings)) == {"permissions": "ok"}
    keys.chmod(0o755)
    found = by_check(host.permissions(settings))["permissions"]
    assert found.level == "fail"
    assert str(keys) in str(found.do)


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert levels(host.data_directory(made(data_dir=tmp_path / "file" / "data"))) == {"data directory": "fail"}


def test_damaged_and_full_spools(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(host.spool(settings)) == {"spool": "ok"}
    directory = spool_directory(settings)
    directory.mkdir(parents=True)
    (directory / "tap-0.spool.corrupt").touch()
    assert [finding.level for finding in host.spool(settings)] == ["warn", "ok"]


async def test_a_relay_and_a_tap_that_answer_and_that_do_not(free_tcp_port: int) -> None:
    nobody = f"ws://127.0.0.1:{free_tcp_port}"
    assert levels(network.relay(made(relay_url=nobody))) == {"relay": "fail"}
    assert levels(network.tap(made(relay_url=nobody, tap_port=free_tcp_port))) == {"tap": "warn"}
    async with answering_relay() as relay_url:
        listening = made(relay_url=relay_url, tap_port=urlsplit(relay_url).port)
        relay = await asyncio.to_thread(lambda: levels(network.relay(listening)))
        assert relay["relay"] == "ok"
        assert await asyncio.to_thread(lambda: levels(network.tap(listening))) == {"tap": "ok"}


def test_nothing_can_come_in_where_nothing_is_set() -> None:
    assert levels(network.relay(made(relay_url=None, collector_port=None))) == {"relay": "warn"}


def test_a_stranger_on_a_port_of_ours(free_tcp_port_factory: Any) -> None:
    ports = [free_tcp_port_factory() for _ in range(3)]
    alone = made(api_port=ports[0], dashboard_port=ports[1], metrics_port=ports[2])
    assert set(levels(network.services(alone)).values()) == {"warn"}


def test_who_is_trusted_and_what_is_open() -> None:
    everywhere = "0.0.0.0"  # noqa: S104
    trusting = made(
        tap_trusted_proxies=f"{everywhere}/0", api_host=everywhere, dashboard_url="http://analytics.example.org"
    )
    found = by_check(network.trust(trusting))
    assert found["trusted proxies"].level == "fail"
    assert found["open ports"].level == "warn"
    assert found["dashboard name"].level == "warn"
    assert levels(network.trust(made())) == {"trusted proxies": "ok"}


@pytest.fixture
def environment(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name, value in {"DATABASE_URL": database.dsn, "DATA_DIR": str(tmp_path), "DEMO": "off"}.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()


def test_the_command_says_it_to_people_and_programs(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RELAY_URL", "ws://127.0.0.1:1")
    spoken = CliRunner().invoke(app, ["doctor"])
    assert spoken.exit_code == 1
    assert "→ Start the relay" in spoken.output
    read = CliRunner().invoke(app, ["doctor", "--json"])
    findings = [json.loads(line) for line in read.output.splitlines()]
    assert {"check": "settings", "level": "ok", "what": "They can all be read.", "do": None} in findings
    assert [finding["check"] for finding in findings if finding["level"] == "fail"] == ["relay"]
    assert all(finding["do"] for finding in findings if finding["level"] != "ok")


def test_a_wrong_setting_is_a_finding(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TIME_ZONE", "Mars/Olympus")
    found = list(doctor.findings())
    assert [(one.check, one.level) for one in found] == [("settings", "fail")]
    assert "TIME_ZONE" in found[0].what


def test_status_for_monitors(environment: pytest.MonkeyPatch) -> None:
    told = CliRunner().invoke(app, ["status", "--json"])
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert said["well"] is True
    assert said["lag_seconds"] is None
    assert said["database"]["schema"] > 0
    assert said["ingest"]["summary"]["dropped"] == 0


def test_status_leaves_out_what_says_nothing() -> None:
    frame = pd.DataFrame({"relay": ["r"], "host": [None], "worker": [0], "received": [5], "stored": [5], "lost": [0]})
    assert list(_telling(frame)) == ["relay", "worker", "received", "stored"]
    assert list(_telling(frame.assign(lost=[2], host=["east"]))) == list(frame)


def test_migrate_shows_and_does(environment: pytest.MonkeyPatch) -> None:
    assert "0001" in CliRunner().invoke(app, ["migrate", "--show"]).output
    assert CliRunner().invoke(app, ["migrate"]).output == "Up to date.\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(
        app, [], prog_name="relay-analytics", env={"_RELAY_ANALYTICS_COMPLETE": f"source_{shell}"}
    )
    assert "_RELAY_ANALYTICS_COMPLETE" in done.output
