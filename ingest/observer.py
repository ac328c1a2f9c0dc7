"""Follows the conversations that pass through the tap: on the side, after forwarding, and never at its cost.

Whatever goes wrong costs the reading of one connection, counted; no exception gets back to the traffic.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import structlog

from core.records import Waiting
from core.settings import MAX_WORKERS, Settings
from ingest.apps import AppNames, app_from_request
from ingest.clock import Clock, monotonic
from ingest.conversation import Conversation
from ingest.copies import Copies
from ingest.frames import FrameReader, Passed
from ingest.http_head import Head, negotiated_compression
from ingest.identity import Identifier, KeyRing, parse_networks
from ingest.recorder import Recorder
from ingest.waiting import overdue

log = structlog.get_logger()

NUMBERS = 2**53 // MAX_WORKERS
"""How many connections one worker can number."""
SWEEP_SECONDS = 0.01
SWEEP_SLICES = 100
"""A hundredth of the connections is swept each time, so that no turn of the loop is long."""
FREEZE_EVERY = 1_000
"""So many connections later, what there is is taken out of full garbage collections: of 8,000 connections they took
0.1 s. Connections that end leave no cycle of objects, so nothing is left to collect of those that are frozen."""


@dataclass(slots=True)
class Counters:
    """What happened since the start, for the samples and the log. Connections are WebSocket connections."""

    active: int = 0
    peak: int = 0  # since the last sample
    opened: int = 0
    closed: int = 0
    client: Passed = field(default_factory=Passed)  # what clients sent
    relay: Passed = field(default_factory=Passed)
    unreadable: int = 0  # connections whose frames could not be followed
    overloaded: int = 0  # connections read no further because the queue was full
    failures: int = 0  # errors in reading: ours
    http: int = 0
    refused: int = 0  # 503
    late: int = 0  # 408
    bad: int = 0  # 400
    proxy_headers: int = 0  # that should have been there, and were not or were malformed
    unreachable: int = 0  # 502


class Observer:
    """Follows the conversations of one tap worker."""

    def __init__(self, settings: Settings, worker: int, recorder: Recorder) -> None:
        self.counters = Counters()
        self.recorder = recorder
        self.clock = Clock()
        self._worker = worker
        self._limit = settings.tap_max_message_bytes
        self._answer_timeout = settings.tap_answer_timeout
        self._inflate = settings.tap_compression == "inflate"
        self._apps = AppNames()
        self.identifier = Identifier(
            KeyRing(settings.data_dir / "keys", settings.address_key_days),
            parse_networks(settings.tap_trusted_proxies),
            settings.client_key,
            settings.client_key_header,
        )
        self._open: dict[Conversation, None] = {}
        self._slices: list[dict[Conversation, None]] = [{} for _ in range(SWEEP_SLICES)]  # of those that are awake
        self._next_slice = 0
        self._pending = [0] * SWEEP_SLICES  # messages that waited when the slice was swept
        self._last_number = secrets.randbelow(NUMBERS)
        self._copies = Copies(self)
        self._timer: asyncio.TimerHandle | None = None

    # Called by the splice. These may raise nothing.

    def open(self, peer: str | None, head: Head) -> Conversation | None:
        """A request arrived. None when it cannot be followed."""
        try:
            now = monotonic()
            conversation = Conversation(
                self._number(),
                self.identifier.identify(peer, head, time.time()),
                app_from_request(head),
                recorder=self.recorder,
                apps=self._apps,
                clock=self.clock,
                answer_timeout=self._answer_timeout,
                now=now,
            )
        except Exception:  # noqa: BLE001 - the edge: reading must never end forwarding
            self._failed("A request could not be followed")
            return None
        self._open[conversation] = None
        self.wake(conversation)
        return conversation

    def accepted(self, conversation: Conversation, response: Head) -> None:
        """The relay accepted the upgrade to a WebSocket."""
        try:
            compression = negotiated_compression(response) if self._inflate else None
            conversation.begin(compression, self._limit, self.counters.client, self.counters.relay)
        except Exception:  # noqa: BLE001 - the edge: reading must never end forwarding
            self._failed("An upgrade could not be followed")
            return
        counters = self.counters
        counters.active += 1
        counters.opened += 1
        counters.peak = max(counters.peak, counters.active)
        if counters.opened % FREEZE_EVERY == 0:
            gc.collect(1)  # the young ones only
            gc.freeze()

    def lane(
        self, write: Callable[[bytes], None], conversation: Conversation, reader: FrameReader
    ) -> Callable[[bytes], None]:
        """What becomes of one direction's bytes on a WebSocket: they are written at once, and a copy is read later."""
        return self._copies.lane(write, reader.feed, conversation)

    def read_later(self, conversation: Conversation, reader: FrameReader, data: bytes, now: float) -> None:
        """What was forwarded before there was a lane for it; `now` is when it arrived."""
        self._copies.add(reader.feed, data, now, conversation)

    def close(self, conversation: Conversation) -> None:
        """The connection ended. What waits of it is read first."""
        if conversation.is_websocket:
            self.counters.active -= 1
            self.counters.closed += 1
        self._copies.add(partial(self._end, conversation), b"", monotonic(), conversation)

    def _end(self, conversation: Conversation, _: bytes, now: float) -> None:
        self._open.pop(conversation, None)
        self._slice_of(conversation).pop(conversation, None)
        try:
            conversation.close(now)
        except Exception:  # noqa: BLE001 - the edge: reading must never end forwarding
            self._failed("A connection's end could not be recorded")

    # Called when copies are read

    def wake(self, conversation: Conversation) -> None:
        """It is swept from now on, until nothing is left to do for it: most of many connections rest."""
        conversation.awake = True
        self._slice_of(conversation)[conversation] = None

    def unreadable(self, conversation: Conversation, reason: str) -> None:
        """A connection does not carry what can be followed."""
        self.counters.unreadable += 1
        relay = conversation.relay_reader
        from_client = relay is None or relay.failure is None
        log.debug("A connection is read no further", reason=reason, from_client=from_client)
        if not from_client:
            conversation.stop_reading(reason)

    def failed(self, conversation: Conversation) -> None:
        """An exception came of reading."""
        self._failed("Frames could not be read")
        self._stop_reading(conversation, "error in reading")

    def overloaded(self, conversation: Conversation) -> None:
        """Too much waits to be read; bytes of this connection are counted from here on."""
        relay = conversation.relay_reader
        if relay is not None and relay.failure is None:
            self.counters.overloaded += 1
        self._stop_reading(conversation, "overloaded")

    def _stop_reading(self, conversation: Conversation, reason: str) -> None:
        try:
            conversation.stop_reading(reason)
        except Exception:  # noqa: BLE001 - the edge: reading must never end forwarding
            self._failed("A connection could not be given up")

    def _failed(self, what: str) -> None:
        self.counters.failures += 1
        if self.counters.failures <= 100:  # a fault that repeats must not fill the disk
            log.exception(what)

    # Regular work

    def start(self) -> None:
        """Begins to give up overdue answers and to record totals."""
        self._tick()

    def stop(self) -> None:
        """Ends every conversation."""
        if self._timer is not None:
            self._timer.cancel()
        self._copies.read_all()
        for conversation in list(self._open):
            self.close(conversation)
        self._copies.read_all()

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._tick)
        self._next_slice = (self._next_slice + 1) % SWEEP_SLICES
        if self._next_slice == 0:
            self.clock.adjust()
        now = self._copies.oldest or monotonic()  # an answer that waits to be read came in time
        awake, pending = self._slices[self._next_slice], 0
        for conversation in list(awake):
            try:
                if conversation.sweep(now):
                    pending += conversation.pairing.pending
                else:
                    conversation.awake = False
                    del awake[conversation]
            except Exception:  # noqa: BLE001 - the edge: reading must never end forwarding
                self._failed("A connection could not be swept")

        self._pending[self._next_slice] = pending

    def pending(self) -> int:
        """Messages that wait for their answer, as of the last second: to ask 10,000 connections takes too long."""
        return sum(self._pending)

    def waiting(self) -> list[Waiting]:
        """What has waited for long."""
        awake = chain.from_iterable(self._slices)
        return overdue((each for each in awake if not each.pairing.is_idle), monotonic())

    def _slice_of(self, conversation: Conversation) -> dict[Conversation, None]:
        return self._slices[conversation.number // MAX_WORKERS % SWEEP_SLICES]

    def _number(self) -> int:
        """One after the other from a random one on, so that runs and hosts do not meet; below 2^53: JSON keeps them."""
        self._last_number = (self._last_number + 1) % NUMBERS
        return self._last_number * MAX_WORKERS + self._worker
