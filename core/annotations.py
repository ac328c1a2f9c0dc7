"""What happened: a deploy, a restart, a note. Drawn on charts over time, listed by the API.

People add annotations with their name in the audit log. What is found by itself (restarts, alerts) is entered under a
key, once, however often it is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import psycopg

from core.audit import Actor, recorded
from core.exceptions import BadParameterError, UnknownAnnotationError
from core.sql import load
from core.storage.connections import Database

Kind = Literal["note", "deploy", "restart", "alert"]
KINDS: tuple[str, ...] = get_args(Kind)
MOST_CHARACTERS = 200


@dataclass(frozen=True)
class Annotation:
    """`until` None: a moment; `author`: a user, or `relay-analytics` for what was found by itself."""

    annotation_id: int
    at: datetime
    until: datetime | None
    kind: str
    text: str
    author: str
    created_at: datetime


def add(
    database: Database,
    actor: Actor,
    text: str,
    now: datetime,
    *,
    at: datetime | None = None,
    until: datetime | None = None,
    kind: str = "note",
) -> Annotation:
    """Enter what somebody says happened, by default now. Raises BadParameterError."""
    when = at or now
    said = _checked(text, when, until, kind)
    times = {"at": when.isoformat(), "until": until.isoformat() if until else None}
    with (
        recorded(database, actor, "annotation.add", now, text=said, kind=kind, **times),
        database.borrow() as connection,
    ):
        row = connection.execute(
            "INSERT INTO annotations (at, until, kind, text, author, created_at) VALUES (%s, %s, %s, %s, %s, %s)"
            " RETURNING annotation_id, at, until, kind, text, author, created_at",
            [when, until, kind, said, actor.name, now],
        ).fetchone()
    return Annotation(*(row or ()))


def note(
    connection: psycopg.Connection[Any],
    key: str,
    text: str,
    now: datetime,
    *,
    at: datetime,
    until: datetime | None = None,
    kind: str = "restart",
    author: str = "relay-analytics",
) -> bool:
    """Enter what was found by itself under its key, in the caller's transaction; found again, it gets the new times and
    text. Whether it is new."""
    row = connection.execute(
        "INSERT INTO annotations (at, until, kind, text, author, key, created_at)"
        " VALUES (%(at)s, %(until)s, %(kind)s, %(text)s, %(author)s, %(key)s, %(now)s)"
        " ON CONFLICT (key) DO UPDATE SET at = excluded.at, until = excluded.until, text = excluded.text"
        " RETURNING xmax = 0",
        {"at": at, "until": until, "kind": kind, "text": text, "author": author, "key": key, "now": now},
    ).fetchone()
    return bool(row and row[0])


def listing(database: Database, start: datetime, end: datetime, kinds: Sequence[str] = KINDS) -> list[Annotation]:
    """What happened within [start, end) or reaches into it, in order of time."""
    with database.borrow() as connection:
        rows = connection.execute(load("annotations"), {"start": start, "end": end, "kinds": list(kinds)})
        return [Annotation(*row) for row in rows.fetchall()]


def remove(database: Database, actor: Actor, annotation_id: int, now: datetime) -> None:
    """Raises UnknownAnnotationError."""
    with (
        recorded(database, actor, "annotation.remove", now, annotation_id=annotation_id),
        database.borrow() as connection,
    ):
        # What was found by itself would be found again: it stays, unseen.
        gone = connection.execute(
            "UPDATE annotations SET hidden = true WHERE annotation_id = %s AND NOT hidden", [annotation_id]
        ).rowcount
        connection.execute("DELETE FROM annotations WHERE hidden AND key IS NULL")
        if not gone:
            raise UnknownAnnotationError(f"There is no annotation {annotation_id}.")


def _checked(text: str, at: datetime, until: datetime | None, kind: str) -> str:
    """The text in one line. Raises BadParameterError for what cannot be an annotation."""
    said = " ".join(text.replace("\0", " ").split())
    if not 0 < len(said) <= MOST_CHARACTERS:
        raise BadParameterError(f"The text of an annotation has 1 to {MOST_CHARACTERS} characters.")
    if kind not in KINDS:
        raise BadParameterError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}.")
    if until is not None and until < at:
        raise BadParameterError("An annotation cannot end before it begins.")
    return said
