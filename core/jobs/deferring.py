"""Asking for work by the name of its task: from pages, API and commands, which do not know the tasks themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from core.sql import load

QUEUE = "default"


def defer(
    connection: psycopg.Connection[Any],
    name: str,
    *,
    key: str | None = None,
    lock: str | None = None,
    at: datetime | None = None,
    **arguments: Any,
) -> int | None:
    """Queue a job of the task `name` in the caller's transaction; its number, or None when one with this `key` waits.

    A worker begins it once the transaction is committed, not before `at`. Of jobs with the same `lock` one runs at a
    time, in their order. `arguments` must be JSON values and hold no secret: they are stored and logged.
    """
    asked = {"queue": QUEUE, "name": name, "lock": lock, "key": key, "arguments": Jsonb(arguments), "at": at}
    row = connection.execute(load("job_defer"), asked).fetchone()
    return int(row[0]) if row else None
