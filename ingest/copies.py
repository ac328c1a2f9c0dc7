"""Copies of what passed through the tap, until they are read: together, milliseconds later, and in slices.

Together, because the same code run for many messages costs half of what it does for each one alone. In slices, because
what arrives while copies are read must not wait for all of them: between two slices traffic goes first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ingest.clock import monotonic
from ingest.conversation import Conversation

READ_SECONDS = 0.016
"""How long copies wait to be read together. Their instants are taken when they arrive."""
SLICE_SECONDS = 0.00003
"""How long reading keeps traffic waiting at a time."""
MANY = 256
"""So many copies are read without waiting for more, and at one go: all that comes waits for its turn anyway then, and
slices would cost 5 % of it. A multiple of LOOKED_AT."""
MOST_BYTES = 64 * 1024 * 1024
"""Copies that wait; when it is exceeded, the connections that wait are read no further."""
LOOKED_AT = 64
"""How many copies are added between two looks at how many bytes wait; a copy has at most 256 KiB."""

Read = Callable[[bytes, float], str | None]
"""`(data, now)`: reads what arrived at the instant `now`; returns why nothing can be read from here on, if so."""
Write = Callable[[bytes], None]
Copy = tuple[Read, bytes, float, Conversation]


class Reading(Protocol):
    """What becomes of a connection that is read again after a rest, or cannot be read as it should."""

    def wake(self, conversation: Conversation) -> None:
        """There is something of it again."""

    def unreadable(self, conversation: Conversation, reason: str) -> None:
        """It carries what cannot be followed."""

    def failed(self, conversation: Conversation) -> None:
        """Reading it raised an exception, which is being handled."""

    def overloaded(self, conversation: Conversation) -> None:
        """There is no room for its copies: it is to be read no further."""


class Copies:
    """Those of one tap worker, in the order in which they came."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._new: list[Copy] = []
        self._batch: deque[Copy] = deque()  # those that are being read; the new ones come after them
        self._new_bytes = self._batch_bytes = 0  # of those that were looked at
        self._is_due = False  # somebody will read what waits
        self._timer: asyncio.TimerHandle | None = None  # until then
        self.lane = self._lanes()

    @property
    def oldest(self) -> float | None:
        """When the oldest one arrived; None when none waits."""
        first = next(iter(self._batch or self._new), None)
        return None if first is None else first[2]

    def _lanes(self) -> Callable[[Write, Read, Conversation], Write]:
        """Makes lanes: what becomes of one direction's bytes on a WebSocket. They are written at once, and a copy is
        read later.

        A lane is a closure, because everything that passes goes through it: it costs half of what a method does. What
        all lanes share is bound once: a cell for each would be 160 bytes of every connection.
        """
        new, look = self._new, self._look

        def lane(write: Write, read: Read, conversation: Conversation) -> Write:
            def pass_on(data: bytes) -> None:
                now = monotonic()  # before forwarding: the other side may have it while this process waits for its turn
                write(data)
                if len(new) % LOOKED_AT == 0:
                    look()
                new.append((read, data, now, conversation))

            return pass_on

        return lane

    def add(self, read: Read, data: bytes, now: float, conversation: Conversation) -> None:
        """What was forwarded in another way, or is to be done when everything before it has been read."""
        if len(self._new) % LOOKED_AT == 0:
            self._look()
        self._new.append((read, data, now, conversation))

    def read_all(self) -> None:
        """At once."""
        while self._batch or self._new:
            self._read(len(self._batch) or self._begin(), 0)

    def _look(self) -> None:
        """The first copy is about to wait, or many do."""
        if not self._new:
            if not self._is_due:
                self._is_due = True
                self._wait()
            return
        self._new_bytes += sum(len(data) for _, data, _, _ in self._new[-LOOKED_AT:])
        if self._new_bytes + self._batch_bytes > MOST_BYTES:
            self._shed()
        elif self._timer is not None and len(self._new) >= MANY:
            self._timer.cancel()
            self._soon()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(READ_SECONDS, self._soon)

    def _soon(self) -> None:
        """Once sockets have been looked at: event loops run timers, and what they call soon, before that."""
        self._timer = None
        asyncio.get_running_loop().call_soon(self._slice)

    def _slice(self) -> None:
        size = len(self._batch) or self._begin()
        self._read(size if size >= MANY else 0, monotonic() + SLICE_SECONDS)
        if self._batch or len(self._new) >= MANY:
            self._soon()
        elif self._new:
            self._wait()
        else:
            self._is_due = False

    def _begin(self) -> int:
        """Makes a batch of what came, and returns how many copies that are."""
        self._batch.extend(self._new)
        self._new.clear()  # the lanes hold this very list
        self._new_bytes, self._batch_bytes = 0, self._new_bytes
        return len(self._batch)

    def _read(self, least: int, until: float) -> None:
        """Reads at least so many copies of the batch, and more until the instant `until`."""
        batch, reading = self._batch, self._reading
        while batch:
            read, data, now, conversation = batch.popleft()
            if not conversation.awake:
                reading.wake(conversation)
            try:
                failure = read(data, now)
                if failure is not None:
                    reading.unreadable(conversation, failure)
            except Exception:  # noqa: BLE001 - the edge: reading must never end forwarding
                reading.failed(conversation)
            least -= 1
            if least <= 0 and monotonic() >= until:
                return
        self._batch_bytes = 0

    def _shed(self) -> None:
        """Too much waits: the connections that wait are read no further. What is left of them only counts."""
        for conversation in {each[3] for each in (*self._batch, *self._new)}:
            self._reading.overloaded(conversation)
        self.read_all()
