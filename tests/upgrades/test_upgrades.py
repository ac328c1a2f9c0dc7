"""Updates: a database of each release is taken on with all its numbers, and its code goes on beside a newer schema."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.settings import ROOT
from core.storage import embedded_places as places
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.migrate import declared, migrate
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from tests.support import servers
from tests.upgrades import history

RELEASES = sorted((Path(__file__).parent / "releases").iterdir())


BESIDE = """
import json, sys
import core, history
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.migrate import migrate
from core.storage.writer import BatchWriter

with Database(sys.argv[1]) as database:
    migrate(database)
    with BatchWriter(database) as writer:
        writer.write([history.day(history.DAYS)])
    fold(database, history.NOW)
    print(json.dumps([core.__file__, history.answers(database)]))
"""
"""What the release's own code does: start, store, fold, report."""


@dataclass(frozen=True)
class Release:
    """What was kept of it, and a database as it left one."""

    directory: Path
    database: Database

    @property
    def answers(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(gzip.decompress((self.directory / "answers.json.gz").read_bytes()))
        return found


@pytest.fixture(params=RELEASES, ids=lambda directory: directory.name)
def release(request: pytest.FixtureRequest) -> Iterator[Release]:
    with servers.shared_server() as server, servers.empty_database(server.dsn("postgres")) as dsn:
        tool = places.binaries(places.owner_of(server.home)) / "psql"
        dump = gzip.decompress((request.param / "database.sql.gz").read_bytes())
        command = [str(tool), "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", dsn]
        restored = subprocess.run(command, input=dump, capture_output=True)
        assert restored.returncode == 0, restored.stderr
        with Database(dsn) as database:
            yield Release(request.param, database)


def test_a_database_of_the_release_keeps_every_number(release: Release) -> None:
    """What later versions add (tables, columns) is new; what was there says the same."""
    migrate(release.database)
    same(release.answers, history.answers(release.database, names_of(release)))
    assert verify(release.database) == []
    fold(release.database, history.NOW)
    same(release.answers, history.answers(release.database, names_of(release)))
    assert verify(release.database) == []


def test_it_goes_on_counting_where_the_release_stopped(release: Release) -> None:
    migrate(release.database)
    before = total(release.database)
    with BatchWriter(release.database) as writer:
        assert writer.write([history.day(0)]).skipped  # what the release has stored is known
        writer.write([history.day(history.DAYS)])
    fold(release.database, history.NOW)
    assert total(release.database) == before + 120
    assert verify(release.database) == []


def test_code_of_the_release_goes_on_beside_the_newer_schema(release: Release, tmp_path: Path) -> None:
    """While an update is under way: it starts, stores and reports as before, and both see what the other stored."""
    commit = (release.directory / "commit").read_text().strip()
    packed = subprocess.run(["git", "archive", commit, "core"], cwd=ROOT, capture_output=True)
    if packed.returncode:
        pytest.skip(f"the history of this clone does not go back to {commit[:12]}")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(tmp_path, filter="data")
    migrate(release.database)
    shutil.copy(Path(history.__file__), tmp_path / "history.py")
    done = subprocess.run(
        [sys.executable, "-c", BESIDE, release.database.dsn], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    if any(migration.breaking for migration in declared()[known(release) :]):
        assert "newer" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    place, said = json.loads(done.stdout.splitlines()[-1])  # after what it logs of a migration it does not know
    assert place.startswith(str(tmp_path))
    same(said, history.answers(release.database, names_of(release)))
    assert verify(release.database) == []


def known(release: Release) -> int:
    """How many migrations the release knew: as its fixture was dumped."""
    dump = gzip.decompress((release.directory / "database.sql.gz").read_bytes()).decode()
    rows = dump.partition("COPY public.schema_migrations ")[2].partition("\n\\.\n")[0]
    return rows.count("\n")


def names_of(release: Release) -> list[str]:
    return sorted({name.split()[0] for name in release.answers})


def total(database: Database) -> int:
    return int(database.read("SELECT sum(n) AS n FROM traffic_day_current")["n"].iloc[0])


def same(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Every table and column of `before` is in `after`, with the same values."""
    for name, text in before.items():
        was, now = pd.DataFrame(json.loads(text)), pd.DataFrame(json.loads(after[name]))
        assert set(was.columns) <= set(now.columns), name
        pd.testing.assert_frame_equal(was, now[list(was.columns)], check_dtype=False, obj=name)
