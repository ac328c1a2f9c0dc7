"""Who is told of what: a ledger with one row for each transition of an incident and channel.

Rows are made in the transaction that makes the transition, together with the job that sends each. A row is locked while
it is being sent, so that two workers never send it at once; and it goes out under a key of its own, by which whoever
gets it twice (a worker was killed between sending and noting it) knows it for the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from core.alerts import store, wording
from core.alerts.machine import Transition
from core.delivery import registry
from core.delivery.channels import deliver
from core.exceptions import DeliveryFailed, UnknownChannelError
from core.jobs import defer
from core.settings import Settings
from core.sql import load
from core.storage.database import Database

JOB = "alert-notice"
"""The task that sends a notice; its arguments are those of `send`."""
MOST_ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
OPENING_FIRST = timedelta(seconds=15)

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Notice:
    """A row of the ledger."""

    transition: str
    channel: str
    made_at: datetime
    attempts: int
    sent_at: datetime | None
    given_up_at: datetime | None
    detail: str | None


def make(connection: Connection, incident: int, transition: Transition, channels: Sequence[str], now: datetime) -> None:
    """Enter the notices of a transition and queue the jobs that send them, in the caller's transaction.

    `channels`: names; none: those that are told of all alerts. Of an end only those are told that were told of the
    opening.
    """
    asked = {"incident": incident, "transition": transition, "channels": list(channels), "now": now}
    for (channel,) in connection.execute(load("alert_make_notices"), asked).fetchall():
        _queue(connection, incident, transition, channel)


def _queue(connection: Connection, incident: int, transition: str, channel: str, at: datetime | None = None) -> None:
    defer(
        connection, JOB, key=f"{key_of(incident, transition)}-{channel}", lock=f"{JOB}-{incident}-{channel}", at=at,
        incident=incident, transition=transition, channel=channel,
    )  # fmt: skip


def key_of(incident: int, transition: str) -> str:
    """By which receivers know a repetition."""
    return f"alert-{incident}-{transition}"


def send(
    database: Database, settings: Settings, now: datetime, *, incident: int, transition: Transition, channel: str
) -> str:
    """Send a notice unless it was sent; what became of it, in few words. Raises DatabaseUnavailableError."""
    asked = {"incident": incident, "transition": transition, "channel": channel}
    with database.borrow() as connection:
        row = connection.execute(load("alert_claim_notice"), asked).fetchone()
        if row is None:
            return "nothing to send"
        attempts, reached, waits_for_opening, untold = row
        if untold:
            return _give_up(connection, asked, attempts, now, "The opening was never told here.")
        if waits_for_opening:
            _queue(connection, incident, transition, channel, now + OPENING_FIRST)
            return "waits for the notice of the opening"
        try:
            receipt = deliver(
                registry.named(database, channel),
                wording.message(store.incident(database, incident), transition, settings.zone, settings.relay),
                key=key_of(incident, transition), settings=settings, reached=tuple(reached),
            )  # fmt: skip
        except UnknownChannelError as error:
            return _give_up(connection, asked, attempts + 1, now, str(error))
        except DeliveryFailed as error:
            return _failed(connection, asked, attempts + 1, now, error)
        connection.execute(
            load("alert_note_notice"),
            asked | {"attempts": attempts + 1, "reached": list(receipt.reached), "sent_at": now, "given_up_at": None,
                     "detail": receipt.detail},
        )  # fmt: skip
    return f"sent to {channel}"


def _failed(connection: Connection, asked: dict[str, Any], attempts: int, now: datetime, error: DeliveryFailed) -> str:
    if not error.retryable or attempts >= MOST_ATTEMPTS:
        return _give_up(connection, asked, attempts, now, str(error), error.reached)
    connection.execute(
        load("alert_note_notice"),
        asked | {"attempts": attempts, "reached": list(error.reached), "sent_at": None, "given_up_at": None,
                 "detail": str(error)},
    )  # fmt: skip
    pause = min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
    _queue(connection, asked["incident"], asked["transition"], asked["channel"], now + pause)
    return f"not sent to {asked['channel']}: again in {pause.total_seconds():.0f} s"


def _give_up(
    connection: Connection, asked: dict[str, Any], attempts: int, now: datetime, why: str, reached: Sequence[str] = ()
) -> str:
    connection.execute(
        load("alert_note_notice"),
        asked | {"attempts": attempts, "reached": list(reached), "sent_at": None, "given_up_at": now, "detail": why},
    )
    return f"given up: {why}"


def requeue(database: Database) -> int:
    """Queue again what is neither sent nor given up and has no job: a queue that was emptied loses no notice."""
    with database.borrow() as connection:
        waiting = connection.execute(
            "SELECT incident_id, transition, channel FROM alert_notices WHERE sent_at IS NULL AND given_up_at IS NULL"
        ).fetchall()
        for incident, transition, channel in waiting:
            _queue(connection, incident, transition, channel)
    return len(waiting)


def of_incident(database: Database, incident: int) -> list[Notice]:
    """The ledger of an incident, in the order of making. Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        rows = connection.execute(
            "SELECT transition, channel, made_at, attempts, sent_at, given_up_at, detail FROM alert_notices"
            " WHERE incident_id = %s ORDER BY made_at, transition, channel",
            [incident],
        ).fetchall()
    return [Notice(*row) for row in rows]
