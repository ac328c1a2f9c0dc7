"""`/v1/events` as a WebSocket: a message per batch, an answer per message, several batches under way at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from core.accounts.sources import hashed
from core.exceptions import BadBatchError, CollectorBusyError, RelayAnalyticsError, SpoolFullError, TooLargeError
from ingest.collector.asgi import PATH, Problem, Receive, Scope, Send, bearer, headers_of, problem_of, respond
from ingest.collector.collecting import Collector
from ingest.collector.reading import Message

UNDER_WAY = 8
"""Batches of a connection that are not answered yet; more are not read, so the sender's socket fills."""
RETRY_MS = 500
POLICY_VIOLATION = 1008


async def serve_websocket(collector: Collector, scope: Scope, receive: Receive, send: Send) -> None:
    """Serves one connection until it ends, or its token is revoked."""
    await receive()
    token = bearer(headers_of(scope))
    try:
        source = await _admitted(collector, scope["path"], token)
    except Problem as problem:
        await respond(send, problem.status, problem.headers, problem.body, "websocket.http.response")
        return
    await send({"type": "websocket.accept"})
    await _Conversation(collector, source, hashed(token), receive, send).run()


async def _admitted(collector: Collector, path: str, token: str) -> str:
    if path != PATH:
        raise Problem(404, f"There is nothing here; batches go to {PATH}.")
    try:
        return await collector.sources.source_of(token)
    except RelayAnalyticsError as error:
        collector.counters.unauthorised += 1
        raise problem_of(error) from error


class _Conversation:
    """The batches of one connection."""

    def __init__(self, collector: Collector, source: str, token: bytes, receive: Receive, send: Send) -> None:
        self._collector = collector
        self._source = source
        self._token = token
        self._receive = receive
        self._send = send
        self._free = asyncio.Semaphore(UNDER_WAY)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] != "websocket.receive":
                break
            if self._collector.sources.recognise(self._token) is None:
                self._collector.counters.unauthorised += 1
                await self._send(
                    {"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "The token is revoked."}
                )
                break
            await self._free.acquire()
            task = asyncio.ensure_future(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._finished)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free.release()

    async def _answer(self, message: Mapping[str, Any]) -> None:
        answer = await self._take(message.get("text") or message.get("bytes") or b"")
        try:
            await self._send({"type": "websocket.send", "text": msgspec.json.encode(answer).decode()})
        except OSError:
            return  # the sender is gone; it will repeat the batch

    async def _take(self, text: str | bytes) -> dict[str, object]:
        message = Message(text)
        batch = message.batch()
        try:
            if batch is None:
                raise BadBatchError('A message is {"batch": "…", "records": [{…}, …]}.')
            answer = await self._collector.take(self._source, batch, len(text), message)
        except (CollectorBusyError, SpoolFullError) as error:
            return {"nack": batch, "retry_ms": RETRY_MS, "reason": str(error)}
        except (BadBatchError, TooLargeError) as error:
            self._collector.counters.unreadable += 1
            return {"error": str(error), "batch": batch}
        return {"ack": batch, **answer.members()}
