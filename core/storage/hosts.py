"""The machines that taps run on, so that many of them can store what they took in into one database.

A tap numbers its workers from 0 on, on every machine. In the database those of host n are numbered from n · 64 on:
two machines in front of one relay stay apart in what is complete up to when, and in what became of records.
"""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from typing import Any

import psycopg

from core.settings import MAX_WORKERS, Settings

MOST_HOSTS = 512
"""Numbers of workers are smallint."""
FILE = "host-id"

FIND = "UPDATE hosts SET name = %(name)s, last_seen = now() WHERE host_id = %(id)s RETURNING host_no"
LOCK = 7_130_011
ADD = """
INSERT INTO hosts (host_no, host_id, name)
SELECT count(*), %(id)s, %(name)s FROM hosts HAVING count(*) < %(most)s
RETURNING host_no"""
REPLACE = """
UPDATE hosts SET host_id = %(id)s, name = %(name)s, first_seen = now(), last_seen = now()
WHERE host_no = (SELECT host_no FROM hosts ORDER BY last_seen, host_no LIMIT 1)
RETURNING host_no"""


@dataclass(frozen=True)
class Host:
    """A machine, or a container, with a directory of spools of its own: `id` stays with the directory."""

    id: str
    name: str


def this_host(settings: Settings) -> Host:
    """The one this process runs on. Raises OSError when DATA_DIR can be neither read nor written."""
    path = settings.data_dir / FILE
    try:
        found = path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = secrets.token_hex(16)
        try:
            with path.open("x") as file:
                file.write(found)
        except FileExistsError:  # another process was faster
            found = path.read_text().strip()
    return Host(found, settings.host_name or socket.gethostname())


def first_worker(connection: psycopg.Connection[Any], host: Host) -> int:
    """The number in the database of this host's worker 0. A host that is new is entered; when all numbers are taken,
    instead of the one that was away for longest."""
    values = {"id": host.id, "name": host.name, "most": MOST_HOSTS}
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        tried = (connection.execute(statement, values).fetchone() for statement in (FIND, ADD, REPLACE))
        row = next((found for found in tried if found is not None), None)
    assert row is not None  # noqa: S101 (there are 512 to replace)
    return int(row[0]) * MAX_WORKERS
