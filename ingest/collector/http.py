"""`POST /v1/events`: a batch as lines of JSON, gzip or not, under the id in the header `Batch-Id`."""

from __future__ import annotations

import asyncio

import msgspec

from core.exceptions import BadBatchError, RelayAnalyticsError, TooLargeError
from ingest.collector.asgi import (
    PATH,
    Headers,
    Problem,
    Receive,
    Scope,
    Send,
    bearer,
    headers_of,
    problem_of,
    respond,
)
from ingest.collector.collecting import Answer, Collector
from ingest.collector.inflate import gunzip
from ingest.collector.reading import Lines

BODY_SECONDS = 30.0
"""Longest silence of a sender in the middle of a body."""


async def serve_http(collector: Collector, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers one request."""
    try:
        if scope["path"] == "/healthz":
            await respond(send, 200, {"Content-Type": "application/json"}, b'{"status":"ok"}')
            return
        answer = await _take(collector, scope, receive)
        body = msgspec.json.encode({"batch": answer.batch, **answer.members()})
        await respond(send, 200, {"Content-Type": "application/json"}, body)
    except Problem as problem:
        await respond(send, problem.status, problem.headers, problem.body)


async def _take(collector: Collector, scope: Scope, receive: Receive) -> Answer:
    if scope["path"] != PATH:
        raise Problem(404, f"There is nothing here; batches go to {PATH}.")
    if scope["method"] != "POST":
        raise Problem(405, "Batches are sent with POST, or over a WebSocket.", {"Allow": "POST"})
    headers = headers_of(scope)
    try:
        source = await _authorised(collector, headers)
        answer = await _answer(collector, source, headers, receive)
    except RelayAnalyticsError as error:
        raise problem_of(error) from error
    if answer.refused and not answer.taken:
        detail = "No record of this batch can be taken; all are counted in the quarantine."
        raise Problem(422, detail, None, batch=answer.batch, **answer.members())
    return answer


async def _authorised(collector: Collector, headers: Headers) -> str:
    try:
        return await collector.sources.source_of(bearer(headers))
    except RelayAnalyticsError:
        collector.counters.unauthorised += 1
        raise


async def _answer(collector: Collector, source: str, headers: Headers, receive: Receive) -> Answer:
    try:
        if "batch-id" not in headers:
            raise BadBatchError(
                "The header Batch-Id is missing: any id that is new for each batch, and the same when one is repeated."
            )
        body = await _body(receive, headers, collector.most_bytes)
        return await collector.take(source, headers["batch-id"], len(body), Lines(body))
    except (BadBatchError, TooLargeError, Problem):
        collector.counters.unreadable += 1
        raise


async def _body(receive: Receive, headers: Headers, most: int) -> bytes:
    """The body, inflated. Raises TooLargeError, BadBatchError, Problem."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise Problem(415, "Content-Encoding can be gzip, or absent.", {"Accept-Encoding": "gzip"})
    too_large = f"A body has at most {most} bytes (COLLECTOR_MAX_MESSAGE_BYTES)."
    if (length := headers.get("content-length", "")).isdigit() and int(length) > most:
        raise TooLargeError(too_large)
    body = bytearray()
    while True:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                message = await receive()
        except TimeoutError as error:
            raise Problem(408, f"Nothing came for {BODY_SECONDS:.0f} seconds.", {"Connection": "close"}) from error
        if message["type"] == "http.disconnect":
            raise BadBatchError("The sender left in the middle of the body.")
        body += message.get("body", b"")
        if len(body) > most:
            raise TooLargeError(too_large)
        if not message.get("more_body", False):
            break
    return bytes(body) if encoding == "identity" else gunzip(bytes(body), most)
