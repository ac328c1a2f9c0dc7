"""strfry's log as records: connections with what they carried, and messages as far as its logging has them.

By default the log names connections, and of events only what became of them. With `relay.logging.dumpInEvents` and
`dumpInReqs` each message is there and is matched with its outcome. Response times are never in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from core.records import Connection, Delivery, Event
from ingest.imports import strfry_lines as lines
from ingest.imports.lines import BadLine, PassedOver, Row, shown
from ingest.imports.naming import UNKNOWN, Naming
from ingest.imports.strfry_lines import LogLine, Verdict
from ingest.imports.strfry_waiting import Waiting, judged
from ingest.messages import (
    AuthMessage,
    CloseMessage,
    CountMessage,
    EventMessage,
    NegCloseMessage,
    NegMsgMessage,
    NegOpenMessage,
    ReqMessage,
    id_bytes,
    read_client_message,
)
from ingest.shapes import read_filters, sub_pattern

MOST_CONNECTIONS = 200_000
"""Connections remembered at once; beyond it the oldest is forgotten."""
NO_CODE = 0
"""strfry's close code of a TCP connection that just ended."""
SIMPLE_VERBS = {
    NegOpenMessage: "NEG-OPEN",
    NegMsgMessage: "NEG-MSG",
    NegCloseMessage: "NEG-CLOSE",
    CloseMessage: "CLOSE",
}


@dataclass(slots=True)
class Open:
    """A connection whose end is not reached. `opened_at` None: it began before the log."""

    client: str
    identity: str
    opened_at: int | None
    messages: int = 0
    payload: int = 0  # bytes of its messages
    dumped: bytes = b""  # the last message, to know it again when it is logged twice
    by: str = ""


class StrfryReader:
    """`zone` is the clock of the log."""

    name = "strfry"
    is_log = True

    def __init__(self, naming: Naming, zone: ZoneInfo) -> None:
        self._naming = naming
        self._zone = zone
        self._open: dict[int, Open] = {}
        self._waiting = Waiting()
        self._dumps_all = False

    def read(self, line: bytes) -> Sequence[Row]:
        found = lines.parse(line.rstrip(b"\r"), self._zone)
        if found is None:
            raise BadLine("no line of strfry's log")
        overdue = [Row(event) for event in self._waiting.overdue(found.at)]
        try:
            return [*overdue, *(Row(record) for record in self._records(found))]
        except PassedOver:
            if not overdue:
                raise
            return overdue

    def flush(self) -> Sequence[Row]:
        return [Row(event) for event in self._waiting.give_up()]

    def sample(self, line: bytes) -> str:
        """Without messages of clients: they hold content."""
        return shown(line.split(b"dumpIn")[0].split(b'["')[0].split(b"{")[0])

    def _records(self, line: LogLine) -> Sequence[Event | Connection | Delivery]:
        number, message = line.connection, line.message
        if verdict := lines.verdict(message):
            return self._judged(line, verdict)
        if refusal := lines.refused(message):
            return self._waiting.refuse(*refusal)
        if number is None:
            raise PassedOver("a line that tells of no traffic")
        if address := lines.connect(message):
            return self._begin(number, address, line.at)
        if message.startswith(b"Disconnect from "):
            return self._end(number, line)
        if dump := lines.dumped(message):
            return self._message(number, line.at, *dump)
        if pubkey := lines.authenticated(message):
            one = self._of(number)
            one.client, one.identity = pubkey, "pubkey"
            return self._waiting.authenticated(number)
        if scan := lines.scanned(message):
            return self._waiting.answer(number, *scan)
        verb = lines.negentropy(message)
        if verb is not None and not self._dumps_all:
            one = self._of(number)
            one.messages += 1
            return [Event(line.at, one.client, verb, "ok" if verb == "NEG-CLOSE" else "unknown", connection=number)]
        raise PassedOver("a line that tells of no traffic")

    def _begin(self, number: int, address: str, at: int) -> Sequence[Event]:
        """Numbers begin anew when strfry does."""
        before = self._waiting.end(number)
        if number not in self._open and len(self._open) >= MOST_CONNECTIONS:
            self._open.pop(next(iter(self._open)))
        identity = self._naming.address(address, at)
        self._open[number] = Open(identity.client, identity.kind, at)
        return before

    def _end(self, number: int, line: LogLine) -> Sequence[Event | Connection | Delivery]:
        end = lines.disconnect(line.message)
        if end is None:
            raise BadLine("the end of a connection that cannot be read")
        one = self._open.pop(number, None)
        if one is None:
            identity = self._naming.address(end.address, line.at)
            one = Open(identity.client, identity.kind, None)
        connection = Connection(
            number, one.client, one.identity, one.opened_at, max(line.at, one.opened_at or 0),
            end.code if end.code != NO_CODE else None, None, end.received.wire, end.sent.wire,
            one.messages if self._dumps_all and one.opened_at is not None else None,
        )  # fmt: skip
        carried = Delivery(
            line.at, one.client, number, 0, end.received.wire, end.sent.wire,
            max(0, end.received.payload - one.payload), end.sent.payload,
        )  # fmt: skip
        return [*self._waiting.end(number), connection, carried]

    def _message(self, number: int, at: int, by: str, payload: bytes) -> Sequence[Event]:
        """A message of a client. With `dumpInAll` others are logged twice, one right after the other."""
        self._dumps_all = self._dumps_all or by == "All"
        one = self._of(number)
        if one.dumped == payload and one.by == "All" and by != "All":
            one.by = by
            raise PassedOver("a message that is logged twice")
        one.dumped, one.by = payload, by
        one.messages += 1
        one.payload += len(payload)
        event = Event(at, one.client, "OTHER", "unknown", payload_in=len(payload), connection=number)
        message = read_client_message(payload)
        match message:
            case EventMessage(event=content) | AuthMessage(event=content):
                event.event_type = "EVENT" if isinstance(message, EventMessage) else "AUTH"
                event.kind, event.event_id = content.kind, id_bytes(content.id)
                return self._waiting.add(number, event, content.id)
            case ReqMessage(sub=sub) | CountMessage(sub=sub):
                event.event_type = "REQ" if isinstance(message, ReqMessage) else "COUNT"
                event.metadata = {"sub": sub_pattern(sub)}
                filters = read_filters(payload)
                if filters is not None:
                    event.metadata |= {"filters": filters.number, "shape": filters.shape}
                return self._waiting.add(number, event, sub)
            case _:
                event.event_type = SIMPLE_VERBS.get(type(message), "OTHER")  # type: ignore[arg-type]
                event.outcome = "ok" if event.event_type in ("CLOSE", "NEG-CLOSE") else "unknown"
                return [event]

    def _judged(self, line: LogLine, verdict: Verdict) -> Sequence[Event]:
        """What became of an event; of one whose message is not in the log, this is all there is."""
        waiting = self._waiting.take_event(verdict.event_id)
        if waiting is None:
            if self._waiting.was_given_up(verdict.event_id):
                raise PassedOver("an outcome of a message that an earlier import took")
            client = UNKNOWN if line.connection is None else self._of(line.connection).client
            waiting = Event(line.at, client, "EVENT", "unknown", event_id=verdict.event_id,
                            connection=line.connection or 0)  # fmt: skip
            if line.connection is not None:
                self._of(line.connection).messages += 1
        return [judged(waiting, verdict.reason)]

    def _of(self, number: int) -> Open:
        """The connection of this number; one that began before the log has no address, and nothing names it."""
        if number not in self._open:
            self._open[number] = Open(UNKNOWN, "address", None)
        return self._open[number]
