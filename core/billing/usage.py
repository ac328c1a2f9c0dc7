"""What clients used in a period, from the roll-ups: exact also before they are folded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import psycopg

from core import kept_hours
from core.billing.lines import USAGE, Lines, lines
from core.sql import load
from core.storage.client_sums import client_sums
from core.storage.fold import recall
from core.storage.integers import fetch_integers
from core.storage.reading import reading
from core.storage.spans import steps

MEASURES = {
    "accepted": "event_accepted",
    "duplicate": "event_duplicate",
    "rejected": "event_rejected",
    "reqs": "reqs",
    "counts": "counts",
    "delivered": "events_out",
    "bytes_in": "bytes_in",
    "bytes_out": "bytes_out",
    "payload_in": "payload_in",
    "payload_out": "payload_out",
}
"""What a bill counts, and the measure of `core.storage.client_packs` that it is."""


def usage(connection: psycopg.Connection[Any], start: datetime, end: datetime, client: str | None = None) -> Lines:
    """Usage of [start, end), whole hours, of every client that used anything (or of one); amounts are zero.

    The connection must be in a transaction of one snapshot (REPEATABLE READ). Raises HoursGoneError for a period that
    begins or ends within a day of which no hours are kept.
    """
    kept_hours.check((start, end), recall(connection, kept_hours.MARK))
    if client is not None:
        parameters = steps([start, end]).parameters | {"client": client}
        table = fetch_integers(connection, load("billing_usage_of_client"), parameters, 1 + len(USAGE))
        return lines(table[:, 0], table[:, 1:]).without_zeros()

    with reading(connection) as read:
        found = client_sums(read, start, end, tuple(MEASURES.values()))
    table = np.stack([found.measures[MEASURES[name]] for name in USAGE], axis=1)
    return lines(found.clients, table).without_zeros()
