"""The spool: nothing that was appended is lost, no sequence comes twice, and a bad disk does not stop the tap."""

from __future__ import annotations

import asyncio
import collections
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.exceptions import SpoolFullError
from core.records import Batch, Event, encode_batch
from core.storage.payloads import MARK
from ingest.intake import Source
from ingest.recorder import Recorder, SpoolKeeper
from ingest.spool import FEW_EVENTS, FREED_AT_ONCE, KEPT_FREE, Spool, Waiting

ROOM = 1 << 24


def batch(*names: str) -> Batch:
    return Batch("", 0, "relay", [event(name) for name in names], [], [], [])


def event(name: str) -> Event:
    return Event(timestamp=1, client=name, event_type="REQ", outcome="ok")


def client_of(waiting: Waiting) -> str:
    assert waiting.batch is not None
    return waiting.batch.events[0].client


def batches(spool: Spool) -> list[Batch]:
    return [waiting.batch for waiting in spool.read() if waiting.batch is not None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "tap-0.spool"


def test_batches_are_read_in_order_until_they_are_acknowledged(path: Path) -> None:
    with Spool(path, ROOM) as spool:
        assert [spool.append(batch(name)) for name in "abc"] == [1, 2, 3]
        assert [(each.position, client_of(each)) for each in spool.read()] == [(1, "a"), (2, "b"), (3, "c")]
        assert [each.position for each in spool.read(after=1, limit=1)] == [2]
        spool.acknowledge(2)
        assert [each.position for each in spool.read()] == [3]


def test_few_events_are_kept_as_records_and_many_as_columns(path: Path) -> None:
    few, many = ([event(f"client {number}") for number in range(size)] for size in (FEW_EVENTS - 1, FEW_EVENTS))
    with Spool(path, ROOM) as spool:
        for events in (few, many):
            spool.append(Batch("tap", 1, "relay", events, [], [], []))
        assert [list(found.events) for found in batches(spool)] == [few, many]
    with closing(sqlite3.connect(path)) as opened:
        payloads = [payload for (payload,) in opened.execute("SELECT payload FROM waiting ORDER BY position")]
    assert [payload.startswith(MARK) for payload in payloads] == [False, True]


EARLIER = """
CREATE TABLE spool (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO spool VALUES ('id', '0123456789ab');
CREATE TABLE batches (sequence INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL);
"""


def test_a_spool_of_an_earlier_version_is_taken_over(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as earlier, earlier:
        earlier.executescript(EARLIER)
        for name in "ab":
            made = batch(name)
            made.source = "tap:relay:0:0123456789ab"
            earlier.execute("INSERT INTO batches (payload) VALUES (?)", (encode_batch(made),))
        earlier.execute("INSERT INTO batches (payload) VALUES (x'00')")
        earlier.execute("DELETE FROM batches WHERE sequence = 1")  # it was stored
    with Spool(path, ROOM) as spool:
        first, damaged = spool.read()
        assert (first.source, first.sequence, first.records, client_of(first)) == (
            "tap:relay:0:0123456789ab",
            2,
            1,
            "b",
        )
        assert damaged.batch is None
        assert spool.append(batch("c")) == 3
    with Spool(path, ROOM) as spool:
        assert len(spool.read()) == 3


def test_positions_grow_after_a_restart_and_after_it_was_emptied(path: Path) -> None:
    with Spool(path, ROOM) as spool:
        last = [spool.append(batch("a")) for _ in range(3)][-1]
        spool.acknowledge(last)
    with Spool(path, ROOM) as spool:
        assert spool.is_empty()
        assert spool.append(batch("b")) == last + 1


def test_a_full_spool_says_so_and_takes_batches_again_when_there_is_room(path: Path) -> None:
    with Spool(path, 1 << 20) as spool:
        large = batch(*(f"{n:x>1000}" for n in range(100)))
        fill = itertools.repeat(large, 100)
        with pytest.raises(SpoolFullError):
            collections.deque(map(spool.append, fill))
        kept = len(spool.read())
        assert 5 < kept < 11
        spool.acknowledge(10_000)
        assert spool.append(large) == kept + 1


def test_what_was_appended_survives_kill_9(path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom ingest.spool import Spool\nfrom core.records import Batch\n"
        "spool = Spool(Path(sys.argv[1]), 1 << 24)\n"
        "while True:\n    print(spool.append(Batch('', 0, 'relay', [], [], [], [])), flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        said += [int(line) for line in process.stdout if line.endswith("\n")]
    with Spool(path, ROOM) as spool:
        kept = [each.position for each in spool.read(limit=100_000)]
    assert kept[: len(said)] == said
    assert kept == list(range(1, len(kept) + 1))


def recorder(path: Path, *, max_records: int = 1000, max_bytes: int = ROOM) -> Recorder:
    return Recorder(SpoolKeeper(path, max_bytes), "relay", 0.01, max_records=max_records)


async def test_records_reach_the_spool_under_a_source_of_the_run(path: Path) -> None:
    records = recorder(path)
    records.start()
    records.event(event("a"))
    await records.stop()
    with Spool(path, ROOM) as spool:
        kept = batches(spool)
    assert {(each.source.rpartition(":")[0], each.relay) for each in kept} == {("tap:relay:0", "relay")}
    assert [client.client for each in kept for client in each.events] == ["a"]


async def test_what_does_not_fit_into_memory_is_dropped_and_counted(path: Path) -> None:
    records = recorder(path, max_records=10)
    for number in range(25):
        records.event(event(str(number)))
    await records.stop()
    assert records.dropped == 15
    with Spool(path, ROOM) as spool:
        assert [each.client for kept in batches(spool) for each in kept.events] == [str(number) for number in range(10)]


async def test_what_a_full_spool_does_not_take_is_counted(path: Path) -> None:
    records = recorder(path, max_bytes=1024)
    records.event(event("a"))
    await records.stop()
    assert records.dropped == 1
    with Spool(path, ROOM) as spool:
        (told,) = batches(spool)
    assert not told.events
    assert told.counts is not None
    assert told.counts.dropped["spool"]["event"] == 1


@pytest.fixture
def damaged(path: Path) -> Path:
    path.parent.mkdir()
    path.write_bytes(b"this is no database " * 1000)
    return path


async def test_a_damaged_spool_is_set_aside(damaged: Path) -> None:
    path = damaged
    records = recorder(path)
    records.event(event("a"))
    await records.stop()
    assert records.dropped == 0
    with Spool(path, ROOM) as spool:
        assert [each.client for kept in batches(spool) for each in kept.events] == ["a"]
    assert [each.read_bytes()[:7] for each in path.parent.glob("*.corrupt")] == [b"this is"]


@pytest.fixture
def blocked(path: Path) -> Path:
    path.parent.write_text("a file where the directory should be")
    return path


async def test_records_wait_for_a_spool_that_cannot_be_opened(blocked: Path) -> None:
    path = blocked
    records = recorder(path)
    records.start()
    records.event(event("a"))
    while not records.failing:  # noqa: ASYNC110 - a thread says so
        await asyncio.sleep(0.01)
    path.parent.unlink()
    records.event(event("b"))
    await records.stop()
    assert records.dropped == 0
    with Spool(path, ROOM) as spool:
        assert [each.client for kept in batches(spool) for each in kept.events] == ["a", "b"]


def test_free_space_is_given_back_to_the_file_system(path: Path) -> None:
    """By whoever empties the spool, a part at a time: some stays for the next batches."""
    with Spool(path, 1 << 30) as spool, Spool(path, 1 << 30) as writers:
        for _ in range(400):
            spool.append(batch(*(f"{n:x>1000}" for n in range(100))))
        assert path.stat().st_size + path.with_name(path.name + "-wal").stat().st_size > KEPT_FREE + FREED_AT_ONCE
        source = Source(writers)
        for position in (380, 390, 400):
            source.acknowledge(position)
        assert spool.is_empty()
        pages, free, size = (spool._db.execute(f"PRAGMA {name}").fetchone()[0]
                             for name in ("page_count", "freelist_count", "page_size"))  # fmt: skip
        assert free * size <= KEPT_FREE
        assert pages * size <= KEPT_FREE + (1 << 20)
        spool.append(batch("next"))
        assert [client_of(waiting) for waiting in spool.read()] == ["next"]
