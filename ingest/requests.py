"""A message that waits for its answer, and what the relay answered."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Request(Struct, eq=False, gc=False):
    """A client message. `started` is monotonic seconds, `at` microseconds since the Unix epoch."""

    event_type: str
    key: str  # event id, subscription id or query id
    started: float
    at: int
    wire: int
    payload: int
    kind: int | None = None
    event_id: bytes | None = None
    metadata: dict[str, Any] | None = None
    pubkey: str = ""  # of an AUTH
    cancelled: bool = False  # a REQ whose row is written, but whose answer may still come

    def note(self, name: str, value: Any) -> None:
        """Adds a fact to the row; `core.metadata` lists the names that are kept."""
        if self.metadata is None:
            self.metadata = {}
        self.metadata[name] = value


class Reply(Struct, gc=False):
    """What the relay sent to a request, and how it ended."""

    outcome: str = ""
    error_code: str | None = None
    reason: str = ""
    wire: int = 0
    payload: int = 0
    events: int = 0
    first_event: float | None = None
    answered: float | None = None

    def add_events(self, number: int, size: int, wire: int, now: float) -> None:
        """Stored events, before the EOSE."""
        self.events += number
        self.payload += size
        self.wire += wire
        if self.first_event is None:
            self.first_event = now

    def answer(self, size: int, wire: int, now: float) -> None:
        """The message that ends the request."""
        self.payload += size
        self.wire += wire
        self.answered = now

    def with_bytes_of(self, collected: Reply) -> Reply:
        """This ending, with the events that were collected before it."""
        self.wire += collected.wire
        self.payload += collected.payload
        self.events += collected.events
        self.first_event = collected.first_event
        return self
