"""Importing files: once, whatever happens, and with an account of every line."""

from __future__ import annotations

import gzip
import io
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from core.exceptions import ImportFileError
from core.settings import ROOT, Settings
from core.storage.database import Database
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from ingest.identity import KeyRing
from ingest.imports import content, importing
from ingest.imports.naming import Naming
from tests.imports.conftest import LOGS, NOW, Import

DAY = 86_400


def count(database: Database, table: str) -> int:
    return int(database.read(f"SELECT count(*) AS n FROM {table}")["n"].iloc[0])


def access_log(lines: int, first: int = 0) -> bytes:
    """An access log of one WebSocket connection a second."""
    return b"".join(
        b'203.0.113.%d - - [10/Mar/2026:%02d:%02d:%02d +0000] "GET / HTTP/1.1" 101 %d "-" "bot/%d" request_time=1.5\n'
        % (n % 200, n // 3600, n // 60 % 60, n % 60, n, n % 3)
        for n in range(first, lines)
    )


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


@pytest.mark.parametrize("log", ["strfry", "nginx"])
def test_a_log_is_stored_and_accounted_for(log: str, any_database: Database, import_into: Import) -> None:
    path = LOGS / f"{log}.log"
    summary = import_into(any_database, path)
    assert summary.file_format == log
    assert summary.lines == len(path.read_bytes().splitlines())
    assert verify(any_database) == []
    stored = {"events": "traffic_events_raw", "connections": "connections_raw", "deliveries": "deliveries_raw"}
    assert summary.taken == {kind: n for kind, table in stored.items() if (n := count(any_database, table))}
    assert summary.bad_lines == int(any_database.read("SELECT sum(n)::int AS n FROM quarantine")["n"].iloc[0])


def test_unknown_stays_null_and_makes_no_length(database: Database, import_into: Import) -> None:
    import_into(database, LOGS / "nginx.log")
    found = database.read("SELECT bytes_in, events, opened_at FROM connections_raw WHERE bytes_out = 5120")
    assert found.isna().all(axis=None)
    lengths = database.read("SELECT sum(n)::int AS n FROM client_session_hour_current")
    assert lengths["n"].iloc[0] == 2  # of three connections


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd, lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:])])  # fmt: skip  # noqa: E501
def test_a_compressed_file_is_the_same_file(database: Database, tmp_path: Path, import_into: Import, pack) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "plain.csv").write_bytes(access_log(100))
    (tmp_path / "packed").write_bytes(pack(access_log(100)))
    assert import_into(database, tmp_path / "packed").taken["connections"] == 100
    assert import_into(database, tmp_path / "plain.csv").nothing_new
    assert count(database, "connections_raw") == 100


def test_a_file_twice_adds_nothing(database: Database, import_into: Import) -> None:
    import_into(database, LOGS / "nginx.log")
    before = database.read("SELECT * FROM connections_raw")
    assert import_into(database, LOGS / "nginx.log").nothing_new
    assert database.read("SELECT * FROM connections_raw").equals(before)
    assert count(database, "quarantine") == 2


@pytest.mark.parametrize("cut", [300, 4000, 9500])
def test_a_log_that_grew_gives_what_is_new(
    database: Database, tmp_path: Path, import_into: Import, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 50)
    log, path = access_log(120), tmp_path / "access.log"
    path.write_bytes(log[:cut])
    first = import_into(database, path)
    assert first.incomplete == len(log[:cut]) - (log[:cut].rfind(b"\n") + 1)
    path.write_bytes(log)
    second = import_into(database, path)
    assert first.taken["connections"] + second.taken["connections"] == 120
    assert second.known_bytes == log[:cut].rfind(b"\n") + 1
    assert count(database, "connections_raw") == 120
    assert import_into(database, path).nothing_new


def test_a_log_of_strfry_that_grew_gives_the_same_as_at_once(
    database: Database, tmp_path: Path, import_into: Import
) -> None:
    log, path = (LOGS / "strfry.log").read_bytes(), tmp_path / "strfry.log"
    for cut in range(200, len(log), 331):
        path.write_bytes(log[:cut])
        import_into(database, path)
    path.write_bytes(log)
    import_into(database, path)
    kinds = database.read("SELECT event_type, count(*) AS n FROM traffic_events GROUP BY 1 ORDER BY 1")
    assert dict(zip(kinds["event_type"], kinds["n"], strict=True)) == {"CLOSE": 1, "EVENT": 4, "REQ": 2}
    assert count(database, "connections_raw") == 2


def test_an_import_that_was_cut_off_anywhere_goes_on_there(
    database: Database, tmp_path: Path, import_into: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 7)
    path = tmp_path / "access.log"
    path.write_bytes(access_log(100))

    class CutOff(Exception):
        pass

    def counting(stop: int):  # type: ignore[no-untyped-def]
        calls = iter(range(stop))
        real = BatchWriter.store

        def store(self, prepared):  # type: ignore[no-untyped-def]
            if next(calls, None) is None:
                raise CutOff
            return real(self, prepared)

        return store

    for stop in (0, 1, 3, 8):
        with monkeypatch.context() as patch:
            patch.setattr(BatchWriter, "store", counting(stop))
            with pytest.raises(CutOff):
                import_into(database, path)
    path.write_bytes(access_log(130))  # it grew meanwhile
    summary = import_into(database, path)
    assert summary.before > 0
    assert count(database, "connections_raw") == 130
    assert count(database, "deliveries_raw") == 129  # the first one carried nothing
    assert verify(database) == []


@pytest.mark.parametrize("attempt", range(3))
def test_kill_9_loses_and_doubles_nothing(attempt: int, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "access.log.gz"
    path.write_bytes(gzip.compress(access_log(60_000), 1))
    environment = {
        **os.environ, "DATABASE_URL": database.dsn, "DATA_DIR": str(tmp_path / "data"), "RELAY_NAME": "r",
        "DEMO": "off",
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("relay-analytics")), "import", str(path)]
    goal = random.randint(1, 50_000)
    running = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    while running.poll() is None and count(database, "connections_raw") < goal:
        pass
    running.send_signal(signal.SIGKILL)
    running.wait()
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100)
    assert "60,000 lines" in done.stdout or "nothing new" in done.stdout
    assert count(database, "connections_raw") == 60_000
    again = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100)
    assert "nothing new" in again.stdout
    assert verify(database) == []


def test_standard_input(database: Database, import_into: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BytesIO(gzip.compress(access_log(10)))

    monkeypatch.setattr(sys, "stdin", Input())
    assert import_into(database, "-").taken["connections"] == 10


def test_a_line_without_end_costs_one_line(database: Database, tmp_path: Path, import_into: Import) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(access_log(2) + b"x" * (3 * content.LONGEST_LINE) + b"\n" + access_log(3, first=2))
    summary = import_into(database, path)
    assert (summary.taken["connections"], summary.bad_lines, summary.lines) == (3, 1, 4)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x00\x01\x02 no format at all", "none of the formats"),
        (gzip.compress(access_log(1000))[:-20], "damaged or not complete"),
        (zstd(access_log(1000))[:-20], "damaged|cannot be read"),
        (b"PAR1 but no parquet", "damaged|cannot be read"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused_whole(
    data: bytes, says: str, database: Database, tmp_path: Path, import_into: Import
) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ImportFileError, match=says):
        import_into(database, tmp_path / "file")
    assert count(database, "connections_raw") == 0


def test_a_log_needs_the_name_of_its_relay(database: Database, import_into: Import) -> None:
    with pytest.raises(ImportFileError, match="--relay"):
        import_into(database, LOGS / "nginx.log", relay=None)


def test_no_address_of_a_log_reaches_the_database(database: Database, import_into: Import) -> None:
    for log in ("strfry.log", "nginx.log"):
        import_into(database, LOGS / log)
    dump = subprocess.run(["pg_dump", "--inserts", database.dsn], capture_output=True, text=True, check=False)
    tables = database.read("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")["tablename"]
    text = dump.stdout + "".join(database.read(f'SELECT t::text AS t FROM "{name}" t').to_string() for name in tables)
    for marker in ("203.0.113", "2001:db8", "198.51.100", "MARKER"):
        assert marker not in text


def test_lines_of_one_period_share_a_name_and_those_of_two_do_not(settings: Settings) -> None:
    now = NOW.timestamp()
    one, other = Naming(settings, now), Naming(settings, now + 60)
    old = int((now - 200 * DAY) * 1e6)
    older = int((now - 300 * DAY) * 1e6)
    assert one.address("203.0.113.7", old) == other.address("203.0.113.7", old)
    assert one.address("203.0.113.7", old) != one.address("203.0.113.7", older)
    live = KeyRing(settings.data_dir / "keys", settings.address_key_days).address_key(now)
    assert KeyRing(settings.data_dir / "keys", settings.address_key_days).written_key(now, now - 60) == live
