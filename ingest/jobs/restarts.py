"""Restarts annotate themselves: found in what was measured, whenever that arrives, and entered once.

The tap has no database. That it was restarted is in its runs (`ingest_runs`); that the relay was away is in its
samples, which count the times that the relay could not be reached.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg

from core import annotations as noted
from core.formats import duration
from core.sql import load
from ingest.jobs.task import Work

LOOK_BACK = timedelta(days=7)
"""What waited in a spool for longer is not looked for any more."""
SETTLED = timedelta(seconds=90)
"""Younger ones wait: other workers of the same restart may still be on their way."""


def annotate(work: Work) -> str:
    within = {"start": work.now - LOOK_BACK, "end": work.now - SETTLED}
    with work.database.borrow() as connection:
        found = _taps(connection, within, work.now) + _relays(connection, within, work.now)
    return f"{found} found"


def _taps(connection: psycopg.Connection[Any], within: dict[str, datetime], now: datetime) -> int:
    new = 0
    for source, relay, worker, before, began, in_order in connection.execute(
        load("restarts_of_taps"), within
    ).fetchall():
        who = f"The tap of {relay}" if worker == 0 else f"Tap worker {worker} of {relay}"
        how = "was restarted" if in_order else "ended unexpectedly and was started again"
        new += noted.note(connection, f"run:{source}", f"{who} {how}", now, at=before, until=began)
    return new


def _relays(connection: psycopg.Connection[Any], within: dict[str, datetime], now: datetime) -> int:
    """One entry per time away. Samples that arrive late may show that it was longer, or that two were one."""
    new = 0
    for relay, away, back in connection.execute(load("restarts_of_relays"), within).fetchall():
        known = connection.execute(
            "SELECT key, at, until FROM annotations"
            " WHERE substring(key FROM '^away:[0-9]+:(.*)$') = %s AND at <= %s AND until >= %s ORDER BY at",
            [relay, back, away],
        ).fetchall()
        key = known[0][0] if known else f"away:{away.timestamp():.0f}:{relay}"
        first = min([away, *(at for _, at, _ in known)])
        last = max([back, *(until for _, _, until in known)])
        for other, _, _ in known[1:]:
            connection.execute("DELETE FROM annotations WHERE key = %s", [other])
        text = f"{relay} could not be reached for {duration((last - first).total_seconds())}"
        new += noted.note(connection, key, text, now, at=first, until=last)
    return new
