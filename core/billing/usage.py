"""What clients used in a period, from the roll-ups: exact also before they are folded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from core.billing.lines import USAGE, Lines, lines
from core.sql import load
from core.storage.blocks import blocks_of
from core.storage.integers import fetch_integers


def usage(connection: psycopg.Connection[Any], start: datetime, end: datetime, client: str | None = None) -> Lines:
    """Usage of [start, end), whole hours, of every client that used anything (or of one); amounts are zero."""
    if client is None:
        name, parameters = "billing_usage", blocks_of(connection, start, end)
    else:
        name, parameters = "billing_usage_of_client", {"start": start, "end": end, "client": client}
    table = fetch_integers(connection, load(name), parameters, 1 + len(USAGE))
    return lines(table[:, 0], table[:, 1:]).without_zeros()
