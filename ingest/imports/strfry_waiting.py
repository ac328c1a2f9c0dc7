"""Messages in strfry's log whose outcome has not been reached, oldest first; bounded in number and in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.records import Event
from ingest import reasons

WAIT = 30_000_000
"""Microseconds of the log's time: what has no outcome by then is `unknown`. As long as the tap waits for an answer."""
MOST = 100_000


@dataclass(slots=True, eq=False)
class Entry:
    """A message; `key` is the event id or the subscription id."""

    connection: int
    event: Event
    key: str


class Waiting:
    """By number of the connection, and events also by id: lines about them may name no connection."""

    def __init__(self) -> None:
        self._entries: dict[Entry, None] = {}
        self._of: dict[int, dict[Entry, None]] = {}
        self._events: dict[bytes, list[Entry]] = {}
        self._given_up: set[bytes] = set()

    def add(self, connection: int, event: Event, key: str) -> list[Event]:
        """Wait for the outcome; returns what is given up to make room."""
        given_up = []
        while len(self._entries) >= MOST:
            given_up.append(self._drop(next(iter(self._entries))))
        entry = Entry(connection, event, key)
        self._entries[entry] = None
        self._of.setdefault(connection, {})[entry] = None
        if event.event_type == "EVENT" and event.event_id is not None:
            self._events.setdefault(event.event_id, []).append(entry)
        return given_up

    def take_event(self, event_id: bytes) -> Event | None:
        """The oldest message with this event."""
        entries = self._events.get(event_id)
        return self._drop(entries[0]) if entries else None

    def answer(self, connection: int, sub: str, sent: int) -> list[Event]:
        """The stored events of a subscription were sent."""
        for entry in self._of.get(connection, ()):
            if entry.key == sub and entry.event.event_type in ("REQ", "COUNT"):
                event = self._drop(entry)
                event.outcome = "ok"
                event.events_out = sent if event.event_type == "REQ" else 0
                return [event]
        return []

    def refuse(self, connection: int, reason: str) -> list[Event]:
        """The connection was told an error: about its newest subscription."""
        for entry in reversed(self._of.get(connection, {})):
            if entry.event.event_type in ("REQ", "COUNT"):
                return [judged(self._drop(entry), reason)]
        return []

    def authenticated(self, connection: int) -> list[Event]:
        for entry in self._of.get(connection, ()):
            if entry.event.event_type == "AUTH":
                event = self._drop(entry)
                event.outcome = "ok"
                return [event]
        return []

    def end(self, connection: int) -> list[Event]:
        """The connection ended: no outcome comes any more but those of events, which name none."""
        return [self._drop(entry) for entry in list(self._of.get(connection, ())) if entry.event.event_type != "EVENT"]

    def overdue(self, at: int) -> Sequence[Event]:
        """What waits for too long at this time of the log."""
        found: list[Event] = []
        while self._entries:
            oldest = next(iter(self._entries))
            if oldest.event.timestamp > at - WAIT:
                break
            found.append(self._drop(oldest))
        return found

    def give_up(self) -> list[Event]:
        """All of it. Outcomes of events that come later are known to be of these."""
        self._given_up |= self._events.keys()
        return [self._drop(entry) for entry in list(self._entries)]

    def was_given_up(self, event_id: bytes) -> bool:
        return event_id in self._given_up

    def _drop(self, entry: Entry) -> Event:
        self._entries.pop(entry)
        of = self._of[entry.connection]
        of.pop(entry)
        if not of:
            del self._of[entry.connection]
        event_id = entry.event.event_id
        if event_id in self._events and entry in self._events[event_id]:
            self._events[event_id].remove(entry)
            if not self._events[event_id]:
                del self._events[event_id]
        return entry.event


def judged(event: Event, reason: str) -> Event:
    """The event with its outcome; an empty reason: it was accepted."""
    if not reason:
        event.outcome = "ok"
        return event
    code = reasons.error_code(reason)
    if code == reasons.DUPLICATE:
        event.outcome = "duplicate"
        return event
    event.outcome, event.error_code = ("failed" if code == "error" else "rejected"), code
    event.metadata = {**(event.metadata or {}), "reason": reasons.sample(reason)}
    return event
