"""Pairs a client's messages with the relay's answers: one connection, no sockets, the clock handed in.

Every client message becomes exactly one `core.records.Event`: when it is answered, when the time for it is over, when
the client withdraws it, or when the connection ends. What the relay sends beside that is counted in `other`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ingest import reasons
from ingest.answers import EOSE_BEGINS, OK_BEGINS, read_answer, read_ended, read_head, read_reason
from ingest.messages import (
    AuthMessage,
    CloseMessage,
    CountMessage,
    EventMessage,
    NegCloseMessage,
    NegMsgMessage,
    NegOpenMessage,
    NostrEvent,
    ReqMessage,
    client_tag,
    id_bytes,
    read_client_message,
)
from ingest.requests import Reply, Request
from ingest.rows import Rows
from ingest.shapes import read_filters, sub_pattern
from ingest.subscriptions import SETTLE_SECONDS, OtherTraffic, Subscriptions

MAX_PENDING = 4096
"""Messages of one connection that wait for an answer; beyond it the oldest is given up."""
LONGEST_HEAD = 512
"""Bytes of an EVENT's head that are remembered to tell the next by; a longer subscription id is read each time."""
LOOKED_AT = 16
"""An application's name is looked for in so many first messages of a connection, and then in every one of so many."""
Queues = dict[str, list[Request]]
"""By key: those that wait, oldest first."""


@dataclass(slots=True, eq=False)
class Pairing:
    """State of one connection. Times: `now` is a monotonic clock in seconds, `at` microseconds since the Unix epoch."""

    rows: Rows
    timeout: float
    max_pending: int = MAX_PENDING
    on_client_tag: Callable[[str], None] | None = None
    other: OtherTraffic = field(default_factory=OtherTraffic)
    messages: int = 0
    _waiting: dict[Request, None] = field(default_factory=dict)  # an ordered set, oldest first
    _subs: Subscriptions = field(init=False)
    _events: Queues = field(default_factory=dict)  # EVENT and AUTH by event id
    _counts: Queues = field(default_factory=dict)
    _negs: Queues = field(default_factory=dict)
    _sub: str = ""  # of the EVENTs that come together

    def __post_init__(self) -> None:
        self._subs = Subscriptions(self.rows, self.other, self._waiting)

    @property
    def pending(self) -> int:
        """Messages that wait for their answer."""
        return len(self._waiting) - self._subs.withdrawn

    @property
    def is_idle(self) -> bool:
        """Whether no answer is looked for, also to what the client withdrew."""
        return not self._waiting

    def overdue(self, before: float, most: int) -> Counter[tuple[str, int | None]]:
        """What waits for an answer, by verb and kind, once the oldest came before `before` (monotonic); else nothing.
        Judged by the `most` oldest: a tap under load has no time to look at all of them."""
        oldest = [request for request in islice(self._waiting, most) if not request.cancelled]
        if not oldest or oldest[0].started >= before:
            return Counter()
        looked_at = Counter((request.event_type, request.kind) for request in oldest)
        return Counter({key: round(self.pending * n / len(oldest)) for key, n in looked_at.items()})

    # What the client sends

    def client_message(self, payload: bytes | None, size: int, wire: int, now: float, at: int) -> None:
        """A message of the client; the payload is None when it was too large to read."""
        self.messages += 1
        message = read_client_message(payload) if payload is not None else None
        if isinstance(message, EventMessage):
            event = message.event
            if self.on_client_tag is not None and (self.messages <= LOOKED_AT or self.messages % LOOKED_AT == 0):
                self._look_for_app(event, self.on_client_tag)
            self._wait(Request("EVENT", event.id, now, at, wire, size, event.kind, id_bytes(event.id)), self._events)
            return
        match message:
            case ReqMessage(sub=sub):
                self._make_room()
                self._subs.add(Request("REQ", sub, now, at, wire, size, metadata=_describe(payload, sub)))
            case CloseMessage(sub=sub):
                self._subs.cancel(sub)
                self.rows.add(Request("CLOSE", sub, now, at, wire, size), Reply("ok"))
            case AuthMessage(event=event):
                request = Request("AUTH", event.id, now, at, wire, size, event.kind, id_bytes(event.id))
                request.pubkey = event.pubkey
                self._wait(request, self._events)
            case CountMessage(sub=sub):
                self._wait(Request("COUNT", sub, now, at, wire, size, metadata=_describe(payload, sub)), self._counts)
            case NegOpenMessage(sub=sub):
                self._wait(Request("NEG-OPEN", sub, now, at, wire, size), self._negs)
            case NegMsgMessage(sub=sub):
                self._wait(Request("NEG-MSG", sub, now, at, wire, size), self._negs)
            case NegCloseMessage(sub=sub):
                for request in self._negs.pop(sub, ()):
                    self._finish(request, Reply("cancelled"))
                self.rows.add(Request("NEG-CLOSE", sub, now, at, wire, size), Reply("ok"))
            case _:
                metadata = {"reason": "larger than what is read"} if payload is None else None
                self.rows.add(Request("OTHER", "", now, at, wire, size, metadata=metadata), Reply("ok"))

    def _look_for_app(self, event: NostrEvent, on_client_tag: Callable[[str], None]) -> None:
        tag = client_tag(event)
        if tag is not None:
            on_client_tag(tag)

    def _wait(self, request: Request, queues: Queues) -> None:
        if len(self._waiting) >= self.max_pending:
            self._make_room()
        queue = queues.get(request.key)
        if queue is None:
            queues[request.key] = [request]
        else:
            queue.append(request)
        self._waiting[request] = None

    def _make_room(self) -> None:
        if len(self._waiting) >= self.max_pending:
            oldest = next(iter(self._waiting))
            oldest.note("inferred", True)
            self._give_up(oldest)

    # What the relay sends

    def relay_message(self, payload: bytes | None, size: int, wire: int, now: float) -> bytes | None:
        """A message of the relay; the payload is None when it was too large to read.

        Returns, for an EVENT, how others of its subscription begin: those may come as `relay_events`.
        """
        taken = False
        if payload is None:
            pass
        elif payload.startswith(OK_BEGINS):
            taken = self._ok(payload, size, wire, now)
        elif payload.startswith(EOSE_BEGINS) and (ended := read_ended(payload)) is not None:
            taken = self._subs.answer(ended, Reply("ok"), size, wire, now)
        else:
            head = read_head(payload)
            if head.verb == "EVENT" and head.argument is not None:
                self._subs.events(head.argument, 1, size, wire, now)
                if len(head.raw) > LONGEST_HEAD:
                    return None
                self._sub = head.argument
                return head.raw
            taken = self._answered(head.verb, head.argument, payload, size, wire, now)
        if not taken:
            self.other.wire += wire
            self.other.payload += size
        return None

    def relay_events(self, number: int, size: int, wire: int, now: float) -> None:
        """EVENTs that begin as `relay_message` returned last."""
        self._subs.events(self._sub, number, size, wire, now)

    def _answered(self, verb: str, key: str | None, payload: bytes, size: int, wire: int, now: float) -> bool:
        """Any message but an EVENT. False when it answers none that waits."""
        match verb:
            case "OK":
                return self._ok(payload, size, wire, now)
            case "EOSE" if key is not None:
                return self._subs.answer(key, Reply("ok"), size, wire, now)
            case "CLOSED" if key is not None:
                reply = _refused(read_reason(payload) or "closed")
                return self._subs.answer(key, reply, size, wire, now) or self._answer(
                    self._counts, key, reply, size, wire, now
                )
            case "COUNT" if key is not None:
                return self._answer(self._counts, key, Reply("ok"), size, wire, now)
            case "NEG-MSG" if key is not None:
                return self._answer(self._negs, key, Reply("ok"), size, wire, now)
            case "NEG-ERR" if key is not None:
                return self._answer(self._negs, key, _refused(read_reason(payload)), size, wire, now)
            case "NOTICE":
                self.other.notices += 1
            case "EVENT":
                self.other.events += 1
        return False

    def _ok(self, payload: bytes, size: int, wire: int, now: float) -> bool:
        answer = read_answer(payload)
        if answer is None:
            return False
        queue = self._events.get(answer.id)
        if queue and answer.accepted and not answer.reason:
            request = queue.pop(0)  # what nearly every EVENT is answered with
            if not queue:
                del self._events[request.key]
            del self._waiting[request]
            if request.event_type == "AUTH":
                self.rows.authenticated(request.pubkey, now)
            self.rows.add(request, Reply("ok", None, "", wire, size, 0, None, now))
            return True
        if queue:
            request = queue[0]
        elif answer.id in ("", "?"):  # some relays cannot name the event they refuse
            oldest = next((each for each in self._waiting if each.event_type == "EVENT"), None)
            if oldest is None:
                return False
            request = oldest
            request.note("inferred", True)
        else:
            return False
        code = reasons.error_code(answer.reason) if answer.reason else None
        if code == reasons.DUPLICATE:
            reply = Reply("duplicate")
        elif answer.accepted:
            reply = Reply("ok")
        else:
            reply = _refused(answer.reason)
        reply.answer(size, wire, now)
        if answer.accepted and request.event_type == "AUTH":
            self.rows.authenticated(request.pubkey, now)
        self._finish(request, reply)
        return True

    def _answer(self, queues: Queues, key: str, reply: Reply, size: int, wire: int, now: float) -> bool:
        queue = queues.get(key)
        if not queue:
            return False
        reply.answer(size, wire, now)
        self._finish(queue[0], reply)
        return True

    # What never comes

    def expire(self, now: float) -> None:
        """Gives up what has waited for longer than the timeout."""
        self._subs.settle(now - min(SETTLE_SECONDS, self.timeout))
        while self._waiting:
            oldest = next(iter(self._waiting))
            if now - oldest.started < self.timeout:
                return
            self._give_up(oldest)

    def close(self, outcome: str = "abandoned") -> None:
        """The connection ended: what still waits gets its row."""
        self._subs.settle(float("inf"))
        while self._waiting:
            self._give_up(next(iter(self._waiting)), Reply(outcome))

    def _give_up(self, request: Request, reply: Reply | None = None) -> None:
        reply = reply or Reply("unanswered", "unanswered")
        if request.event_type != "REQ" or not self._subs.give_up(request, reply):
            self._finish(request, reply)

    def _finish(self, request: Request, reply: Reply) -> None:
        """Takes a request out of the queues and writes its row."""
        self._waiting.pop(request, None)
        queues = self._queues_of(request.event_type)
        queue = queues.get(request.key)
        if queue is not None:
            queue.remove(request)
            if not queue:
                del queues[request.key]
        self.rows.add(request, reply)

    def _queues_of(self, event_type: str) -> Queues:
        if event_type == "COUNT":
            return self._counts
        return self._negs if event_type in ("NEG-OPEN", "NEG-MSG") else self._events


def _refused(reason: str) -> Reply:
    code = reasons.error_code(reason)
    if code == reasons.DUPLICATE:
        return Reply("duplicate")
    return Reply("failed" if code == "error" else "rejected", code, reasons.sample(reason))


def _describe(payload: bytes | None, sub: str) -> dict[str, Any]:
    """The allow-listed facts of a REQ or COUNT."""
    facts: dict[str, Any] = {"sub": sub_pattern(sub)}
    filters = read_filters(payload) if payload is not None else None
    if filters is not None:
        facts["filters"] = filters.number
        facts["shape"] = filters.shape
    return facts
