"""Batches share transactions: those that have arrived go together, and none waits for one that has not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest_asyncio

from core.records import Batch, Event
from ingest.collector.keeping import GROUP, Keeper, Put
from ingest.collector.received import key_of
from ingest.spool import Spool


class Watched(Keeper):
    """Knows how many batches went into each transaction."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 1 << 30, remember_days=1)
        self.groups: list[int] = []

    def _commit(self, group: Sequence[Put]) -> list[bool | Exception]:
        self.groups.append(len(group))
        return super()._commit(group)


@pytest_asyncio.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Watched]:
    made = Watched(tmp_path / "collector.spool")
    yield made
    await made.stop()


async def put(keeper: Keeper, number: int) -> bool:
    batch = Batch("", 0, "relay", [Event(number, "alice", "EVENT", "ok")], [], [], [])
    return await keeper.put(key_of("source", f"run-{number}"), [batch])


async def test_batches_that_arrive_turn_by_turn_share_a_transaction(keeper: Watched, tmp_path: Path) -> None:
    puts = []
    for number in range(GROUP):
        puts.append(asyncio.ensure_future(put(keeper, number)))
        for _ in range(3):  # as a server that resumes reading, reads, and hands the next message over
            await asyncio.sleep(0)
    assert await asyncio.gather(*puts) == [True] * GROUP
    assert keeper.groups == [GROUP]
    with Spool(tmp_path / "collector.spool", 1 << 30) as spool:
        assert [batch.timestamp for waiting in spool.read() if waiting.batch for batch in waiting.batch.events] == list(
            range(GROUP)
        )


async def test_one_that_comes_alone_does_not_wait_for_others(keeper: Watched) -> None:
    for number in range(3):
        async with asyncio.timeout(30):
            assert await put(keeper, number)
    assert not await put(keeper, 1)
    assert keeper.groups == [1] * 4


async def test_a_group_has_an_end_while_batches_go_on_arriving(keeper: Watched) -> None:
    puts = [asyncio.ensure_future(put(keeper, number)) for number in range(GROUP - 1)]
    for number in range(GROUP, 3 * GROUP):
        puts.append(asyncio.ensure_future(put(keeper, number)))
        await asyncio.sleep(0)
    assert all(await asyncio.gather(*puts))
    assert len(keeper.groups) > 1
    assert keeper.groups[0] in (GROUP, GROUP + 1)
