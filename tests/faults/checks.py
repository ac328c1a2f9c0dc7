"""What has to hold after every fault: stored once, in order, counted, and the roll-ups equal the recount."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

from core.spools import SUFFIX
from core.storage.connections import Database
from core.storage.verify import verify
from ingest.spool import Spool
from tests.endtoend.stack import eventually
from tests.faults.load import Load
from tests.faults.parts import Ingest

BALANCE = """
SELECT source, sum(n) FILTER (WHERE fate = 'received')::bigint,
       coalesce(sum(n) FILTER (WHERE fate <> 'received'), 0)::bigint
FROM ingest_counts GROUP BY source"""
GAPS = """
SELECT source, count(*), max(sequence) FROM batches WHERE source LIKE 'tap:%' GROUP BY source
HAVING count(*) <> max(sequence)"""


def stored_ids(database: Database) -> list[str]:
    with database.connect() as connection:
        rows = connection.execute("SELECT encode(event_id, 'hex') FROM traffic_events_raw WHERE event_id IS NOT NULL")
        return [row[0] for row in rows]


def fates(database: Database) -> dict[str, int]:
    """How many records met which fate, over all sources."""
    with database.connect() as connection:
        rows = connection.execute("SELECT fate, sum(n)::bigint FROM ingest_counts GROUP BY fate")
        return dict(rows.fetchall())


async def drained(ingest: Ingest) -> None:
    """Waits until nothing is left in the spools. The tap should have been stopped before."""

    def empty() -> bool:
        try:
            for path in ingest.spools.glob(f"*{SUFFIX}"):
                with Spool(path, 1 << 40) as spool:
                    if not spool.is_empty():
                        return False
        except (sqlite3.Error, FileNotFoundError):
            return False  # it is being set aside
        return not list(ingest.spools.glob("*.corrupt"))

    async def is_empty() -> bool:
        assert not ingest.writer.ended, ingest.logs()
        return await asyncio.to_thread(empty)

    await eventually(is_empty, "the spools to be empty")


async def everything_is_stored(
    ingest: Ingest, database: Database, load: Load, *, killed_taps: bool = False, lossy: bool = False
) -> None:
    """Stops the tap, lets the writer finish, and checks.

    `killed_taps`: a tail of each connection may be lost. `lossy`: a bound was reached, what was dropped is counted.
    """
    await ingest.tap.stop()
    await drained(ingest)
    await ingest.writer.stop()
    await ingest.second_writer.stop()
    await asyncio.to_thread(check, database, [] if lossy else load.acknowledged, killed_taps)


def check(database: Database, acknowledged: Sequence[Sequence[str]], killed_taps: bool) -> None:
    ids = stored_ids(database)
    stored = set(ids)
    assert len(ids) == len(stored), f"{len(ids) - len(stored)} events are stored twice"
    for connection in acknowledged:
        kept = sum(id_ in stored for id_ in connection)
        if not killed_taps:
            assert kept == len(connection), (
                f"{len(connection) - kept} of {len(connection)} acknowledged events are lost"
            )
        missing = [place for place, id_ in enumerate(connection[:kept]) if id_ not in stored]
        assert not missing, f"events {missing} of {len(connection)} are lost, though later ones are stored"
    with database.connect() as connection_:
        unbalanced = [row for row in connection_.execute(BALANCE) if row[1] != row[2]]
        assert not unbalanced, f"received is not stored + quarantined + dropped: {unbalanced}"
        assert connection_.execute(GAPS).fetchall() == [], "batches are missing"
    assert verify(database) == []
