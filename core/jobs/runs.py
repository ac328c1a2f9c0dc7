"""One run of a job: never two of the same at once, and how it went entered in `jobs`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from core.sql import load
from core.storage.connections import Database

LOCK = 7_130_020
"""First half of the advisory locks; the second is made of the job's name."""


@contextmanager
def alone(database: Database, name: str) -> Iterator[bool]:
    """Whether nobody else runs this job, which holds for the block: the lock goes with the connection that took it."""
    with database.connect(autocommit=True) as connection:
        taken = connection.execute(
            "SELECT pg_try_advisory_lock(%s, %s)", [LOCK, zlib.crc32(name.encode()) - 2**31]
        ).fetchone()
        yield bool(taken and taken[0])


def started(connection: psycopg.Connection[Any], name: str, now: datetime) -> None:
    connection.execute(load("job_started"), {"name": name, "now": now})


def succeeded(connection: psycopg.Connection[Any], name: str, now: datetime, result: str | None) -> None:
    """`result`: what it did, in few words."""
    _finished(connection, name, now, "succeeded", result=result)


def failed(connection: psycopg.Connection[Any], name: str, now: datetime, error: str) -> None:
    _finished(connection, name, now, "failed", error=error)


def interrupted(connection: psycopg.Connection[Any], name: str, now: datetime) -> None:
    """Its worker was killed, or lost the database."""
    _finished(connection, name, now, "interrupted", error="The worker ended in the middle of it.")


def _finished(
    connection: psycopg.Connection[Any],
    name: str,
    now: datetime,
    outcome: str,
    result: str | None = None,
    error: str | None = None,
) -> None:
    connection.execute(
        load("job_finished"), {"name": name, "now": now, "outcome": outcome, "result": result, "error": error}
    )
