"""Connections on which nothing is left to do rest: nobody looks at them until something passes again."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from itertools import chain

import pytest

from core.records import Delivery
from ingest import conversation, observer
from ingest.recorder import Recorder
from ingest.tap import Tap, running_tap
from tests.ingest.conftest import MakeSettings, spooled
from tests.ingest.frames import frame
from tests.ingest.scripted import DEADLINE, ScriptedRelay
from tests.ingest.test_transparency import SWITCH, UPGRADE


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - the tap works in this very loop
            await asyncio.sleep(0.01)


def rests(tap: Tap) -> bool:
    """Whether the one connection there is does."""
    (side,) = tap.sides
    return side.conversation is not None and not side.conversation.awake


async def test_a_connection_rests_once_nothing_is_left_to_tell_and_loses_nothing(
    scripted: ScriptedRelay, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "DELIVERY_SECONDS", 0.05)
    monkeypatch.setattr(observer, "SWEEP_SECONDS", 0.001)
    told: list[Delivery] = []
    monkeypatch.setattr(Recorder, "delivery", lambda _, record: told.append(record))
    settings = make_settings(scripted.url, tap_answer_timeout=1)
    live = frame(b'["EVENT","s",{"id":"1"}]')
    async with running_tap(settings) as tap:
        client_reader, client = await asyncio.open_connection("127.0.0.1", tap.port)
        client.write(UPGRADE + b"\r\n")
        relay_reader, relay = await scripted.accepted()
        await relay_reader.readuntil(b"\r\n\r\n")
        relay.write(SWITCH + b"\r\n")
        await client_reader.readuntil(b"\r\n\r\n")
        await until(lambda: tap.observer.counters.active == 1)
        await until(lambda: len(told) == 1)  # the handshake's bytes
        await until(lambda: rests(tap))

        client.write(frame(b'["REQ","s",{}]'))
        await until(lambda: tap.observer.pending() == 1)
        relay.write(frame(b'["EOSE","s"]'))
        await until(lambda: rests(tap))
        assert tap.observer.pending() == 0

        for number in (2, 3):
            relay.write(live)
            await until(lambda number=number: len(told) == number)  # type: ignore[misc]
            await until(lambda: rests(tap))

        client.write(frame(b'["COUNT","c",{}]'))  # never answered: its time runs while nothing passes
        await until(lambda: tap.observer.pending() == 1)
        await until(lambda: rests(tap))
        client.close()
        relay.close()
        await until(lambda: tap.observer.counters.closed == 1)
    batches = spooled(settings)
    rows = list(chain.from_iterable(batch.events for batch in batches))
    (ended,) = chain.from_iterable(batch.connections for batch in batches)
    assert [(row.event_type, row.outcome) for row in rows] == [("REQ", "ok"), ("COUNT", "unanswered")]
    assert [each.events_out for each in told] == [0, 1, 1]
    for name in ("bytes_in", "bytes_out"):
        assert sum(getattr(each, name) for each in (*rows, *told)) == getattr(ended, name)


async def test_what_there_is_leaves_full_garbage_collections_as_connections_come(
    scripted: ScriptedRelay, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "FREEZE_EVERY", 2)
    gc.unfreeze()
    clients = []
    try:
        async with running_tap(make_settings(scripted.url)) as tap:
            for number in (1, 2):
                _, client = await asyncio.open_connection("127.0.0.1", tap.port)
                clients.append(client)
                client.write(UPGRADE + b"\r\n")
                relay_reader, relay = await scripted.accepted()
                await relay_reader.readuntil(b"\r\n\r\n")
                assert gc.get_freeze_count() == 0
                relay.write(SWITCH + b"\r\n")
                await until(lambda number=number: tap.observer.counters.opened == number)  # type: ignore[misc]
            await until(lambda: gc.get_freeze_count() > 0)
            for client in clients:
                client.close()
    finally:
        gc.unfreeze()
