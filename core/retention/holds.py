"""Legal hold: raw rows of a client stay, however old. They are copied in the transaction that drops their partition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.audit import Actor, record, recorded
from core.exceptions import BadParameterError, ClientHeldError, NotHeldError, UnknownClientError
from core.sql import load
from core.storage.connections import Database

SYSTEM = Actor("relay-analytics", "job")
MOST_CHARACTERS = 500


@dataclass(frozen=True)
class Hold:
    """`until` None: until it is released; `rows`: raw rows that are there only because of it."""

    client_id: str
    why: str
    until: datetime | None
    placed_at: datetime
    placed_by: str
    rows: int


def place(
    database: Database, actor: Actor, client_id: str, why: str, now: datetime, until: datetime | None = None
) -> None:
    """Hold a client's raw rows that are there. Raises UnknownClientError, ClientHeldError, BadParameterError."""
    reason = " ".join(why.replace("\0", " ").split())
    if not 0 < len(reason) <= MOST_CHARACTERS:
        raise BadParameterError(f"Say why, in 1 to {MOST_CHARACTERS} characters.")
    if until is not None and until <= now:
        raise BadParameterError("A hold cannot end before it begins.")
    ends = until.isoformat() if until else None
    with (
        recorded(database, actor, "hold.place", now, client_id=client_id, why=reason, until=ends),
        database.borrow() as connection,
    ):
        row = connection.execute("SELECT client_no FROM clients WHERE client_id = %s", [client_id]).fetchone()
        if row is None:
            raise UnknownClientError
        placed = connection.execute(
            "INSERT INTO held_clients VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [row[0], reason, until, now, actor.name],
        ).rowcount
        if not placed:
            raise ClientHeldError(f"{client_id} is held already; release it first to change why or until when.")


def release(database: Database, actor: Actor, client_id: str, now: datetime) -> None:
    """End a hold: rows that are there only because of it go with the next retention. Raises NotHeldError."""
    with recorded(database, actor, "hold.release", now, client_id=client_id), database.borrow() as connection:
        gone = connection.execute(
            "DELETE FROM held_clients h USING clients c WHERE c.client_no = h.client_no AND c.client_id = %s",
            [client_id],
        ).rowcount
        if not gone:
            raise NotHeldError(f"{client_id} is not held.")


def listing(database: Database) -> list[Hold]:
    """Every hold, the newest first."""
    with database.borrow() as connection:
        return [Hold(*row) for row in connection.execute(load("holds")).fetchall()]


def end_those_over(database: Database, now: datetime) -> int:
    """End the holds whose time has come, on record, and remove rows that no hold keeps any more; returns how many."""
    with database.borrow() as connection:
        over = connection.execute(
            "DELETE FROM held_clients h USING clients c WHERE c.client_no = h.client_no AND h.until <= %s"
            " RETURNING c.client_id",
            [now],
        ).fetchall()
    for (client_id,) in over:
        record(database, SYSTEM, "hold.end", now, client_id=client_id)
    removed = 0
    with database.connect() as connection:
        for table in ("held_events", "held_deliveries", "held_connections"):
            removed += connection.execute(
                f"DELETE FROM {table} WHERE client_no NOT IN (SELECT client_no FROM held_clients)".encode()  # noqa: S608
            ).rowcount
    return removed
