"""Two sockets joined: what one side sends is written to the other at once, untouched. The observer gets a copy after.

Nothing here knows what a message is. Only the first request's head is looked at, because a tap must know whom it dials.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, cast

from core.exceptions import BadProxyHeaderError
from ingest.clock import monotonic
from ingest.conversation import Conversation
from ingest.http_head import END, looks_like_request, parse_head, refusal
from ingest.proxy_protocol import read_proxy_header
from ingest.side import Side
from ingest.socket_options import tune

if TYPE_CHECKING:
    from ingest.tap import Tap

MAX_REQUEST_HEAD = 16 * 1024
MAX_RESPONSE_HEAD = 64 * 1024
MAX_EARLY = 64 * 1024
"""Frames a client may send before the relay has accepted the upgrade, and still be read."""
REFUSAL_SECONDS = 1.0


class RelaySide(Side):
    """The connection to the relay."""

    __slots__ = ("_head",)
    other: ClientSide

    def __init__(self, client: ClientSide) -> None:
        super().__init__(self._arrived, client)
        self._head: bytes | None = b""  # until the response's head is complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tune(cast(asyncio.Transport, transport), self.other.tap.settings.tap_dead_peer_seconds)
        self.other.relay_connected(self)

    def _arrived(self, data: bytes) -> None:
        """Until the upgrade is accepted, after which there is a lane, or all that a plain connection gets."""
        now = monotonic()  # before forwarding: the other side may have it while this process waits for its turn
        client = self.other
        if client.transport is not None:
            client.transport.write(data)
        size = len(data)
        self.received += size
        conversation = client.conversation
        if conversation is None or self._head is None:
            client.count_relay(size)
        else:
            self._read_head(conversation, self._head + data, size, now)

    def _read_head(self, conversation: Conversation, data: bytes, size: int, now: float) -> None:
        end = data.find(END)
        if end < 0 and len(data) < MAX_RESPONSE_HEAD:
            self._head = data
            self.other.count_relay(size)
            return
        self._head = None
        if end >= 0 and data.startswith((b"HTTP/1.1 101", b"HTTP/1.0 101")) and self.other.asked_upgrade:
            frames = data[end + len(END) :]
            self.other.count_relay(size - len(frames))
            self.other.upgraded(conversation, data[:end], frames, now)
        else:
            self.other.count_relay(size)
            self.other.not_upgraded()


class ClientSide(Side):
    """The connection of a client: the first request decides what becomes of it."""

    __slots__ = (
        "_awaits_proxy_header",
        "_body_left",
        "_client",
        "_counted",
        "_dialling",
        "_early",
        "_head",
        "_request",
        "_timer",
        "asked_upgrade",
        "conversation",
        "observer",
        "tap",
    )

    def __init__(self, tap: Tap) -> None:
        super().__init__(self._arrived)
        self.tap = tap
        self.observer = tap.observer
        self.conversation: Conversation | None = None
        self.asked_upgrade = False
        self._head: bytes | None = b""  # until the request's head is complete
        self._request = b""  # what the relay gets first
        self._early: list[bytes] | None = None  # frames before the upgrade was accepted
        self._body_left: int | None = None  # of a plain request: bytes that may still be forwarded; None: no limit
        self._timer: asyncio.TimerHandle | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._counted = False
        self._awaits_proxy_header = False
        self._client: str | None = None  # the client's address, when a proxy header told it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tune(cast(asyncio.Transport, transport), self.tap.settings.tap_dead_peer_seconds)
        if not self.tap.admit(self):
            self.tap.observer.counters.refused += 1
            self._refuse(503)
            return
        self._counted = True
        self._awaits_proxy_header = self.tap.settings.tap_proxy_protocol and self.tap.observer.identifier.trusts(
            self._peer()
        )
        self._timer = asyncio.get_running_loop().call_later(self.tap.handshake_timeout, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._dialling is not None:
            self._dialling.cancel()
        if self._counted:
            self.tap.leave(self)
        super().connection_lost(exc)
        self.other = None  # the relay's side knows this one: they must not keep each other in memory
        if self.conversation is not None:
            self._give_up_early()
            self.observer.close(self.conversation)
            self.conversation = None

    def _arrived(self, data: bytes) -> None:
        """Until the upgrade is accepted, after which there is a lane, or all of a plain connection."""
        if self._head is not None:
            self._read_head(self._head + data)
            return
        relay = self.other
        self.received += len(data)
        if self._body_left is not None:
            data = self._within_body(data)
        if relay is None or relay.transport is None:
            self._request += data
        else:
            relay.transport.write(data)
        if self.conversation is not None and self._early is not None and sum(map(len, self._early)) < MAX_EARLY:
            self._early.append(data)
        else:
            self._count(len(data))
            self._give_up_early()

    def _count(self, size: int) -> None:
        """Bytes of the client that no reader sees."""
        self.observer.counters.client.bytes += size
        if self.conversation is not None:
            self.conversation.count_client(size)

    def count_relay(self, size: int) -> None:
        """Bytes of the relay that no reader sees."""
        self.observer.counters.relay.bytes += size
        if self.conversation is not None:
            self.conversation.count_relay(size)

    def _within_body(self, data: bytes) -> bytes:
        """One request per connection: what follows a plain request is not forwarded, so nothing passes unseen."""
        data = data[: self._body_left]
        self._body_left = (self._body_left or 0) - len(data)
        return data

    def _give_up_early(self) -> None:
        if self._early is not None:
            self._count(sum(map(len, self._early)))
            self._early = None

    # The request

    def _read_head(self, data: bytes) -> None:
        if self._awaits_proxy_header:
            data = self._without_proxy_header(data)
            if not data:
                return
        self._head = data
        end = data.find(END)
        if end < 0:
            if len(data) > MAX_REQUEST_HEAD or not looks_like_request(data):
                self._not_http(data)
            return
        head = parse_head(data[:end])
        if head is None or not looks_like_request(data):
            self._not_http(data)
            return
        self._stop_timer()
        self._head = None
        observer = self.tap.observer
        self.asked_upgrade = head.is_upgrade
        self.conversation = observer.open(self._peer(), head)
        request = self.tap.rewrite(data[:end], head, self._peer())
        rest = data[end + len(END) :]
        if head.is_upgrade:
            if self.conversation is not None:
                self._early = [rest] if rest else []
        else:
            observer.counters.http += 1
            self._body_left = head.body_length
            if self._body_left is not None:
                rest = self._within_body(rest)
        self.received = end + len(END) + len(rest)
        self._count(self.received - (len(rest) if self._early is not None else 0))
        self._dial(request + END + rest)

    def _without_proxy_header(self, data: bytes) -> bytes:
        """What follows the header that a trusted proxy begins with. The header is for the tap: the relay does not get
        it, and it counts in no number of bytes."""
        self._head = data
        try:
            header = read_proxy_header(data)
        except BadProxyHeaderError:
            self.tap.observer.counters.proxy_headers += 1
            self._head = None
            self._body_left = 0
            self.close()
            return b""
        if header is None:
            return b""
        self._awaits_proxy_header = False
        self._client = str(header.client) if header.client is not None else None
        self._head = b""
        return data[header.length :]

    def _not_http(self, data: bytes) -> None:
        """The relay may know what this is; the tap does not. It passes unread, unless requests must be changed."""
        self._stop_timer()
        self._head = None
        if self.tap.rewrites:
            self.tap.observer.counters.bad += 1
            self._refuse(400)
        else:
            self._dial(data)

    def _dial(self, first: bytes) -> None:
        self._request = first
        self.pause_reading()
        self._dialling = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        relay = RelaySide(self)
        try:
            await self.tap.upstream.connect(relay, self.tap.dial_timeout)
        except (OSError, ValueError):  # ValueError: a host name that cannot be encoded
            self.tap.observer.counters.unreachable += 1
            self._refuse(502)
        finally:
            if relay.transport is None:
                relay.close()  # which nobody else will: it would keep itself in memory

    def relay_connected(self, relay: RelaySide) -> None:
        """The relay is there: it gets what was held for it."""
        if self.transport is None or self.transport.is_closing():
            relay.close()
            return
        self.other = relay
        self._dialling = None  # a task that has ended is no small thing to keep, ten thousand times
        relay.send(self._request)
        self._request = b""
        self.resume_reading()

    # The response

    def upgraded(self, conversation: Conversation, response: bytes, frames: bytes, now: float) -> None:
        """The relay accepted the upgrade: both directions are frames from now on. `frames` came with the response."""
        head = parse_head(response)
        if head is not None:
            self.observer.accepted(conversation, head)
        client, relay = conversation.client_reader, conversation.relay_reader
        if client is None or relay is None:
            self.not_upgraded()
            self.count_relay(len(frames))
            return
        early, self._early = self._early or [], None
        for data in early:
            self.observer.read_later(conversation, client, data, now)
        if frames:
            self.observer.read_later(conversation, relay, frames, now)
        other = self.other
        if self.transport is not None and other is not None and other.transport is not None:
            other.take(self.observer.lane(self.transport.write, conversation, relay), relay)
            self.take(self.observer.lane(other.transport.write, conversation, client), client)

    def not_upgraded(self) -> None:
        """A plain answer: passed on, its bytes counted."""
        self._give_up_early()

    # Ends

    def _too_late(self) -> None:
        self.tap.observer.counters.late += 1
        self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Answers in the relay's place. The client gets a moment to read it: closing with unread bytes would reset."""
        self._head = None
        self._body_left = 0
        if self.transport is None or self.transport.is_closing():
            return
        self.send(refusal(status))
        if self.transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                self.transport.write_eof()
        self.resume_reading()
        asyncio.get_running_loop().call_later(REFUSAL_SECONDS, self.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _peer(self) -> str | None:
        """Whose connection it is: the client's address from a proxy header, else that of the TCP connection."""
        if self._client is not None:
            return self._client
        peer = self.transport.get_extra_info("peername") if self.transport is not None else None
        return peer[0] if isinstance(peer, tuple) else None
