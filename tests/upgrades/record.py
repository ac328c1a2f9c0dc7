"""`python -m tests.upgrades.record`: keep the database of a release, once, when it is released.

Into `releases/VERSION/`: `database.sql.gz` (a dump of a database with traffic), `answers.json.gz` (what its reports
say), `commit` (where its code is). Later versions are held against them.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from core.settings import ROOT
from core.storage import embedded_places as places
from core.storage.database import Database
from core.storage.embedded import EmbeddedServer
from tests.support import servers
from tests.upgrades import history

RELEASES = Path(__file__).parent / "releases"


def main() -> int:
    directory = RELEASES / version("relay-analytics")
    directory.mkdir(parents=True)
    with servers.shared_server() as server, servers.fresh_database(server.dsn("postgres")) as database:
        history.fill(database)
        _write(directory / "database.sql.gz", _dump(server, database))
        _write(directory / "answers.json.gz", json.dumps(history.answers(database)).encode())
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    (directory / "commit").write_text(commit.stdout)
    print(f"Kept {directory.relative_to(ROOT)}.")
    return 0


def _dump(server: EmbeddedServer, database: Database) -> bytes:
    tool = places.binaries(places.owner_of(server.home)) / "pg_dump"
    command = [str(tool), "--no-owner", "--no-privileges", "--dbname", database.dsn]
    return subprocess.run(command, capture_output=True, check=True).stdout


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, mtime=0))


if __name__ == "__main__":
    sys.exit(main())
