"""Copies wait to be read, in order and within a bound, and never get in the way of traffic for long."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from ingest import copies
from ingest.apps import AppNames
from ingest.clock import Clock, monotonic
from ingest.conversation import Conversation
from ingest.copies import Copies
from ingest.identity import Identity
from ingest.recorder import Recorder, SpoolKeeper
from tests.ingest.scripted import DEADLINE


class Told:
    """What became of connections that could not be read."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int]] = []

    def wake(self, conversation: Conversation) -> None:
        self.lines.append(("awake", conversation.number))

    def unreadable(self, conversation: Conversation, reason: str) -> None:
        self.lines.append((reason, conversation.number))

    def failed(self, conversation: Conversation) -> None:
        self.lines.append(("failed", conversation.number))

    def overloaded(self, conversation: Conversation) -> None:
        self.lines.append(("overloaded", conversation.number))


class Reader:
    """Remembers what was read, and says when it was everything that `until` waits for."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self._expected = 0
        self._all = asyncio.Event()

    def read(self, data: bytes, now: float) -> str | None:
        self.seen.append(data)
        if len(self.seen) == self._expected:
            self._all.set()
        return "not frames" if data == b"nonsense" else None

    def fail(self, data: bytes, now: float) -> str | None:
        self.read(data, now)
        raise RuntimeError("a fault of ours")

    async def until(self, number: int) -> None:
        self._expected = number
        self._all.clear()
        if len(self.seen) >= number:
            return
        async with asyncio.timeout(DEADLINE):
            await self._all.wait()


@pytest.fixture
def conversation(tmp_path: Path) -> Callable[[int], Conversation]:
    recorder = Recorder(SpoolKeeper(tmp_path / "tap-0.spool", 1 << 20), "relay", 1.0)

    def make(number: int) -> Conversation:
        return Conversation(
            number, Identity("alice", "key"), None, recorder=recorder, apps=AppNames(), clock=Clock(),
            answer_timeout=30, now=0,
        )  # fmt: skip

    return make


Make = Callable[[int], Conversation]


def run(test: Coroutine[Any, Any, None]) -> None:
    """On the event loop that taps run on: what comes first in a turn is its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test)


def test_what_passed_is_written_at_once_and_read_later_in_its_order(conversation: Make) -> None:
    async def test() -> None:
        told, reader, written = Told(), Reader(), list[bytes]()
        waiting = Copies(told)
        lanes = [waiting.lane(written.append, reader.read, conversation(number)) for number in range(3)]
        pieces = [b"%d" % number for number in range(300)]
        began = monotonic()
        for number, piece in enumerate(pieces):
            lanes[number % 3](piece)
        waiting.add(reader.read, b"the end", monotonic(), conversation(1))
        assert written == pieces
        assert reader.seen == []
        oldest = waiting.oldest
        assert oldest is not None
        assert began <= oldest <= monotonic()
        await reader.until(301)
        assert reader.seen == [*pieces, b"the end"]
        assert waiting.oldest is None
        lanes[0](b"more")  # after a rest as before it
        await reader.until(302)
        assert told.lines == []

    run(test())


@pytest.mark.parametrize(("waits", "read_before"), [(3, 1), (copies.MANY - 1, 1), (copies.MANY, copies.MANY)])
def test_traffic_goes_first_between_two_slices_unless_very_much_waits(
    waits: int, read_before: int, conversation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "SLICE_SECONDS", 0)

    async def test() -> None:
        here, there = socket.socketpair()
        reader = Reader()
        waiting = Copies(Told())
        asyncio.get_running_loop().add_reader(there, lambda: reader.read(there.recv(9), 0))

        def read_while_something_arrives(data: bytes, now: float) -> None:
            here.send(b"traffic")
            reader.read(data, now)

        waiting.add(read_while_something_arrives, b"first", monotonic(), conversation(0))
        for _ in range(waits - 1):
            waiting.add(reader.read, b"copy", monotonic(), conversation(0))
        await reader.until(waits + 1)
        assert reader.seen.index(b"traffic") == read_before
        asyncio.get_running_loop().remove_reader(there)
        here.close()
        there.close()

    run(test())


def test_many_copies_do_not_wait_for_more(conversation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "READ_SECONDS", 3600)

    async def test() -> None:
        reader = Reader()
        waiting = Copies(Told())
        for round_ in range(2):  # also after a rest
            for _ in range(copies.MANY + 1):
                waiting.add(reader.read, b"copy", monotonic(), conversation(0))
            await reader.until((round_ + 1) * (copies.MANY + 1))

    run(test())


def test_what_cannot_be_read_costs_the_reading_of_its_connection_only(conversation: Make) -> None:
    async def test() -> None:
        told, reader = Told(), Reader()
        waiting = Copies(told)
        broken, faulty, sound = (conversation(number) for number in range(3))
        waiting.add(reader.read, b"nonsense", monotonic(), broken)
        waiting.add(reader.fail, b"sets off a fault", monotonic(), faulty)
        waiting.add(reader.read, b"frames", monotonic(), sound)
        await reader.until(3)
        assert told.lines == [("not frames", 0), ("failed", 1)]

    run(test())


def test_more_than_the_bound_never_waits_and_everything_is_forwarded(
    conversation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOST_BYTES", 64_000)
    monkeypatch.setattr(copies, "LOOKED_AT", 4)

    async def test() -> None:
        told, reader, written = Told(), Reader(), list[bytes]()
        waiting = Copies(told)
        quiet = waiting.lane(written.append, reader.read, conversation(0))
        flood = waiting.lane(written.append, reader.read, conversation(1))
        waits = 0
        for _ in range(40):  # in one turn of the loop: nobody can read meanwhile
            flood(bytes(10_000))
            waits = max(waits, len(written) - len(reader.seen))
        assert waits * 10_000 <= 64_000 + 4 * 10_000
        assert set(told.lines) == {("overloaded", 1)}
        quiet(b"after it")
        assert len(written) == 41
        waiting.read_all()
        assert len(reader.seen) == 41

    run(test())
