"""The clock of the machine is set back and forward under running processes: nothing is lost, doubled or mistimed."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.storage.connections import Database
from tests.endtoend.stack import eventually
from tests.faults.checks import everything_is_stored
from tests.faults.load import load
from tests.faults.parts import Ingest

SHOWN = "SELECT count(*) FROM traffic_events_raw WHERE abs(extract(epoch FROM timestamp - now()) / 3600 - %s) < 1"
DURATIONS = "SELECT min(response_time_ms), max(response_time_ms) FROM traffic_events_raw"


def faketime() -> Path:
    """The library that shows a process another time. Skips where it is not installed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed")
    return found[0]


async def rows_of(database: Database, hours: int) -> None:
    """Waits for rows whose time is so many hours from now."""

    async def stored() -> bool:
        with database.connect() as connection:
            row = connection.execute(SHOWN, [hours]).fetchone()
        return bool(row and row[0])

    await eventually(stored, f"rows {hours} hours from now")


async def test_a_clock_that_is_set_back_and_forward(tmp_path: Path, relay: str, database: Database) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0s")
    environment = {
        "LD_PRELOAD": str(faketime()), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",  # as it is when an operator sets the clock
    }  # fmt: skip
    async with Ingest(tmp_path / "data", relay, database.dsn, **environment) as ingest:
        await ingest.start()
        async with load(ingest.url) as clients:
            for hours in (-3, 3, 6, 0):
                clock.write_text(f"{hours:+d}h")
                await clients.goes_on()
                await rows_of(database, hours)  # rows keep the time that the clock said
        assert clients.failures == []
        await everything_is_stored(ingest, database, clients)
    with database.connect() as connection:
        ((fastest, slowest),) = connection.execute(DURATIONS).fetchall()
    assert 0 <= fastest <= slowest < 60_000  # milliseconds of a clock that nobody sets
