"""The WebSocket: a batch per message, an answer per message, and no memory for those who do not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET
from socket import socket as Socket
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from core.accounts import sources
from core.settings import Settings
from core.storage.database import Database
from ingest.collector.serving import listening
from ingest.collector.websocket import UNDER_WAY
from tests.collector.conftest import MakeSettings, Running, Sender, events, spooled


def message(batch: str, *records: dict[str, Any]) -> str:
    return json.dumps({"batch": batch, "records": records or [{"client_id": "alice"}]})


async def said(socket: ClientConnection, text: str | bytes) -> dict[str, Any]:
    await socket.send(text)
    answer: dict[str, Any] = json.loads(await socket.recv())
    return answer


async def test_a_batch_is_acknowledged_when_it_is_in_the_spool(socket: ClientConnection, settings: Settings) -> None:
    answer = await said(socket, message("b-1"))
    assert answer == {"ack": "b-1", "taken": 1, "refused": 0, "repeated": False, "reasons": []}
    assert [event.client for event in events(settings)] == ["alice"]


async def test_a_repeated_batch_is_acknowledged_again_and_kept_once(
    socket: ClientConnection, sender: Sender, settings: Settings
) -> None:
    await said(socket, message("b-1"))
    assert (await said(socket, message("b-1")))["repeated"]
    assert (await sender.post(b'{"client_id":"alice"}', "b-1")).json()["repeated"]  # the other way in
    assert len(spooled(settings)) == 1


async def test_text_and_binary_messages_are_the_same(socket: ClientConnection, settings: Settings) -> None:
    assert (await said(socket, message("b-1").encode()))["taken"] == 1


async def test_a_bad_record_costs_only_itself(socket: ClientConnection, settings: Settings) -> None:
    answer = await said(socket, message("b-1", {"client_id": "a"}, {"client_id": "b", "outcome": "maybe"}))
    assert (answer["taken"], answer["refused"]) == (1, 1)
    assert answer["reasons"] == [{"record": 2, "reason": "outcome: unknown value"}]


NO_BATCHES: tuple[str | bytes, ...] = (
    "", "hello", "[]", '{"batch":1,"records":[]}', '{"batch":"x"}', '{"batch":"x","records":[],"more":1}',
    '{"batch":"a b","records":[]}', '{"batch":"x","records":' + "[" * 100_000, b"\xff\xfe",
)  # fmt: skip


async def test_what_is_no_batch_is_said_and_the_connection_goes_on(
    socket: ClientConnection, settings: Settings
) -> None:
    for text in NO_BATCHES:
        assert set(await said(socket, text)) == {"error", "batch"}, text[:50]
    assert (await said(socket, message("b-1")))["taken"] == 1
    assert len(spooled(settings)) == 1


async def test_many_batches_under_way_are_all_kept(socket: ClientConnection, settings: Settings) -> None:
    for number in range(200):
        await socket.send(message(f"b-{number}", {"client_id": f"client {number}"}))
    acknowledged = {json.loads(await socket.recv())["ack"] for _ in range(200)}
    assert acknowledged == {f"b-{number}" for number in range(200)}
    assert {event.client for event in events(settings)} == {f"client {number}" for number in range(200)}
    assert [batch.sequence for batch in spooled(settings)] == list(range(1, 201))


async def test_too_large_a_message_ends_the_connection(
    running: Running, make_settings: MakeSettings, tokens_database: Database
) -> None:
    async with running(make_settings(database_url=tokens_database.dsn, collector_max_message_bytes=10_000)) as sender:
        async with sender.connect() as socket:
            await socket.send(message("b-1", {"client_id": "x" * 20_000}))
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_an_unknown_token_gets_no_connection(sender: Sender) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{sender.port}/v1/events"):
            pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body or b"")["detail"] == "The token is missing, unknown or revoked."


async def test_a_revoked_token_ends_the_connection(
    sender: Sender, tokens_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.collector.sources.ASK_AGAIN_SECONDS", 0.0)
    former = replace(sender, token=sources.issue(tokens_database, "former", datetime.now(UTC)))
    async with former.connect() as socket:
        await said(socket, message("b-1"))
        sources.revoke(tokens_database, "former", datetime.now(UTC))
        unknown = await sender.post(b"{}", Authorization="Bearer ras_x")  # makes it ask the database
        assert unknown.status_code == 401
        await socket.send(message("b-2"))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "The token is revoked.")
    assert (await former.post(b'{"client_id":"a"}')).status_code == 401


async def test_a_full_spool_sends_batches_away(
    running: Running, make_settings: MakeSettings, tokens_database: Database
) -> None:
    small = make_settings(database_url=tokens_database.dsn, spool_max_bytes=1024**2)
    records = [{"client_id": f"{number:0200x}"} for number in range(1000)]
    async with running(small) as sender, sender.connect() as socket:
        answers = [await said(socket, message(f"b-{number}", *records)) for number in range(6)]
    assert "ack" in answers[0]
    assert (answers[-1]["nack"], answers[-1]["retry_ms"]) == ("b-5", 500)
    assert len(spooled(small)) == sum("ack" in answer for answer in answers)


@pytest.fixture
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel holds little of what the collector answers."""

    def small(host: str, port: int) -> Socket:
        made = listening(host, port)
        made.setsockopt(SOL_SOCKET, SO_SNDBUF, 16_384)  # connections inherit it
        return made

    monkeypatch.setattr("ingest.collector.serving.listening", small)


@pytest.mark.usefixtures("small_buffers")
async def test_one_who_does_not_read_answers_is_not_read_either(running: Running) -> None:
    """Its answers fill its socket, then its batches wait there: memory holds no more than those under way.

    When it reads again, every batch is answered.
    """
    bad = b'{"batch":"%s","records":[' + b",".join([b'{"' + b"x" * 40 + b'":1}'] * 10) + b" " * 20_000 + b"]}"
    sent = 0

    async def flood(socket: ClientConnection) -> None:
        nonlocal sent
        while True:
            sent += 1
            await socket.send(bad.replace(b"%s", b"x-%d" % sent))

    async with running() as sender, small_connection(sender) as socket:
        counters = sender.collector.counters
        socket.transport.pause_reading()
        flooding = asyncio.create_task(flood(socket))
        seen = (-1, -1)
        while (counters.batches, sent) != seen:  # until nothing moves any more
            seen = (counters.batches, sent)
            await asyncio.wait({flooding}, timeout=0.5)
        assert counters.batches < sent
        assert sender.collector.keeper.pending_bytes <= UNDER_WAY * len(bad) * 2
        assert (await sender.post(b'{"client_id":"another sender"}', "other")).status_code == 200
        flooding.cancel()
        socket.transport.resume_reading()
        answered = [json.loads(await socket.recv())["ack"] for _ in range(sent)]
    assert set(answered) == {f"x-{number}" for number in range(1, sent + 1)}


@asynccontextmanager
async def small_connection(sender: Sender) -> AsyncIterator[ClientConnection]:
    """A connection that takes few answers before they are read."""
    with Socket() as plain:
        plain.setsockopt(SOL_SOCKET, SO_RCVBUF, 65_536)
        plain.connect(("127.0.0.1", sender.port))
        plain.setblocking(False)
        async with sender.connect(sock=plain, ping_interval=None, compression=None) as connection:
            yield connection
