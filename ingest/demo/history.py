"""Back-fills invented history up to the moment when live traffic begins, newest day first, then ends.

Run it with `python -m ingest.demo.history`. Refuses any database but the demo's. Each hour is stored exactly once:
running it again adds only hours that are missing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from core.exceptions import RelayAnalyticsError
from core.settings import get_settings
from core.storage.connections import Database
from core.storage.database import open_database
from core.storage.migrate import migrate
from core.storage.writer import BatchWriter
from ingest.demo.days import DAYS, MESSAGES, SEED, history
from ingest.demo.rows import SOURCE

log = structlog.get_logger()


class NotTheDemoError(RelayAnalyticsError):
    """Invented history is written into the demo database only. Start with DEMO=on."""


def fill(database: Database, until: datetime, *, days: int = DAYS, messages: int = MESSAGES, seed: int = SEED) -> int:
    """Stores the history and returns the number of events stored. Raises NotTheDemoError for a real database."""
    if not database.demo:
        raise NotTheDemoError
    events = 0
    with BatchWriter(database) as writer:
        for batches in history(until, days=days, messages=messages, seed=seed, stored=_stored(database)):
            events += writer.write(batches).events
    return events


def _stored(database: Database) -> set[int]:
    """The hours that the database has already."""
    with database.connect(autocommit=True) as connection:
        rows = connection.execute("SELECT sequence FROM batches WHERE source = %s", [SOURCE])
        return {sequence for (sequence,) in rows}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m ingest.demo.history", description="Back-fills the demo's history.")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--messages", type=int, default=MESSAGES, help="client messages in all")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--until", type=datetime.fromisoformat, help="where live traffic begins (default: now)")
    options = parser.parse_args(arguments)
    until = (options.until or datetime.now(UTC)).astimezone(UTC)
    started = time.monotonic()
    with open_database(get_settings()) as database:
        migrate(database)
        events = fill(database, until, days=options.days, messages=options.messages, seed=options.seed)
    log.info("The demo has its history", events=events, seconds=round(time.monotonic() - started, 1))


if __name__ == "__main__":
    main()
