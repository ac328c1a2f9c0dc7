"""Pairs a client's messages with the relay's answers: one connection, no sockets, the clock handed in.

Every client message becomes exactly one `core.records.Event`: when it is answered, when the time for it is over, when
the client withdraws it, or when the connection ends. What the relay sends beside that is counted in `other`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.records import Event
from ingest import reasons
from ingest.answers import read_answer, read_head, read_reason
from ingest.messages import (
    HEX_64,
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
    read_client_message,
)
from ingest.requests import Reply, Request, Subscription
from ingest.shapes import read_filters, sub_pattern

MAX_PENDING = 4096
"""Messages of one connection that wait for an answer; beyond it the oldest is given up."""
MAX_IDENTITIES = 64
LONGEST_HEAD = 512
"""Bytes of an EVENT's head that are remembered to tell the next by; a longer subscription id is read each time."""
SETTLE_SECONDS = 5.0
"""How long an EOSE is held back while it is open which REQ of the same id it answers."""


@dataclass(slots=True)
class OtherTraffic:
    """What the relay sent that answers no message: live and late events, notices, challenges, unexpected answers."""

    events: int = 0
    wire: int = 0
    payload: int = 0
    notices: int = 0


@dataclass(slots=True, eq=False)
class Pairing:
    """State of one connection. Times: `now` is a monotonic clock in seconds, `at` microseconds since the Unix epoch."""

    emit: Callable[[Event], None]
    connection: int
    client: str
    timeout: float
    app: str | None = None
    max_pending: int = MAX_PENDING
    on_identity: Callable[[str, float], None] | None = None
    on_client_tag: Callable[[str], None] | None = None
    other: OtherTraffic = field(default_factory=OtherTraffic)
    identities: set[str] = field(default_factory=set)
    messages: int = 0
    _waiting: dict[Request, None] = field(default_factory=dict)  # an ordered set, oldest first
    _events: dict[str, list[Request]] = field(default_factory=dict)  # EVENT and AUTH by event id
    _subs: dict[str, Subscription] = field(default_factory=dict)  # REQ by subscription id, while answers are due
    _counts: dict[str, list[Request]] = field(default_factory=dict)
    _negs: dict[str, list[Request]] = field(default_factory=dict)
    _sub: str = ""  # of the EVENTs that come together
    _withdrawn: int = 0  # of those waiting, how many the client cancelled
    _settling: dict[Subscription, float] = field(default_factory=dict)  # replies held back, by when they came

    @property
    def pending(self) -> int:
        """Messages that wait for their answer."""
        return len(self._waiting) - self._withdrawn

    # What the client sends

    def client_message(self, payload: bytes | None, size: int, wire: int, now: float, at: int) -> None:
        """A message of the client; the payload is None when it was too large to read."""
        self.messages += 1
        message = read_client_message(payload) if payload is not None else None
        match message:
            case EventMessage(event=event):
                if self.on_client_tag is not None and payload is not None and b'"client"' in payload:
                    self._tagged(event, self.on_client_tag)
                request = Request("EVENT", event.id, now, at, wire, size, event.kind, event.id_bytes)
                self._wait(request, self._events)
            case AuthMessage(event=event):
                request = Request("AUTH", event.id, now, at, wire, size, event.kind, event.id_bytes)
                request.pubkey = event.pubkey
                self._wait(request, self._events)
            case ReqMessage(sub=sub):
                request = Request("REQ", sub, now, at, wire, size, metadata=_describe(payload, sub))
                self._make_room()
                self._subs.setdefault(sub, Subscription(sub)).requests.append(request)
                self._waiting[request] = None
            case CountMessage(sub=sub):
                self._wait(Request("COUNT", sub, now, at, wire, size, metadata=_describe(payload, sub)), self._counts)
            case NegOpenMessage(sub=sub):
                self._wait(Request("NEG-OPEN", sub, now, at, wire, size), self._negs)
            case NegMsgMessage(sub=sub):
                self._wait(Request("NEG-MSG", sub, now, at, wire, size), self._negs)
            case CloseMessage(sub=sub):
                self._cancel_subscription(sub)
                self._row(Request("CLOSE", sub, now, at, wire, size), Reply("ok"))
            case NegCloseMessage(sub=sub):
                for request in self._negs.pop(sub, ()):
                    self._finish(request, Reply("cancelled"))
                self._row(Request("NEG-CLOSE", sub, now, at, wire, size), Reply("ok"))
            case _:
                metadata = {"reason": "larger than what is read"} if payload is None else None
                self._row(Request("OTHER", "", now, at, wire, size, metadata=metadata), Reply("ok"))

    def _tagged(self, event: NostrEvent, on_client_tag: Callable[[str], None]) -> None:
        tag = client_tag(event)
        if tag is not None:
            on_client_tag(tag)

    def _wait(self, request: Request, queues: dict[str, list[Request]]) -> None:
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

    def _cancel_subscription(self, sub: str) -> None:
        """The client needs no answer any more. One may come all the same, and must not answer a later REQ."""
        subscription = self._subs.get(sub)
        if subscription is None:
            return
        if subscription.replies:
            self._settle(subscription)
            return
        for request in subscription.requests:
            if not request.cancelled:
                self._row(request, Reply("cancelled").with_bytes_of(subscription.reply))
                subscription.reply = Reply()
                request.cancelled = True
                self._withdrawn += 1

    # What the relay sends

    def relay_message(self, payload: bytes | None, size: int, wire: int, now: float) -> bytes | None:
        """A message of the relay; the payload is None when it was too large to read.

        Returns, for an EVENT, how others of its subscription begin: those may come as `relay_events`.
        """
        taken = False
        if payload is None:
            pass
        elif payload.startswith(b'["OK"'):
            taken = self._ok(payload, size, wire, now)
        else:
            head = read_head(payload)
            key = head.argument
            match head.verb:
                case "EVENT" if key is not None:
                    self._stored_or_other(key, 1, size, wire, now)
                    if len(head.raw) <= LONGEST_HEAD:
                        self._sub = key
                        return head.raw
                    return None
                case "EVENT":
                    self.other.events += 1
                case "OK":
                    taken = self._ok(payload, size, wire, now)
                case "EOSE" if key is not None:
                    taken = self._answer_subscription(key, Reply("ok"), size, wire, now)
                case "CLOSED" if key is not None:
                    reply = _refused(read_reason(payload) or "closed")
                    taken = self._answer_subscription(key, reply, size, wire, now) or self._answer(
                        self._counts, key, reply, size, wire, now
                    )
                case "COUNT" if key is not None:
                    taken = self._answer(self._counts, key, Reply("ok"), size, wire, now)
                case "NEG-MSG" if key is not None:
                    taken = self._answer(self._negs, key, Reply("ok"), size, wire, now)
                case "NEG-ERR" if key is not None:
                    taken = self._answer(self._negs, key, _refused(read_reason(payload)), size, wire, now)
                case "NOTICE":
                    self.other.notices += 1
        if not taken:
            self.other.wire += wire
            self.other.payload += size
        return None

    def relay_events(self, number: int, size: int, wire: int, now: float) -> None:
        """EVENTs that begin as `relay_message` returned last."""
        self._stored_or_other(self._sub, number, size, wire, now)

    def _stored_or_other(self, sub: str, number: int, size: int, wire: int, now: float) -> None:
        subscription = self._subs.get(sub)
        if subscription is not None and subscription.expects_events:
            subscription.reply.add_events(number, size, wire, now)
        else:
            self.other.events += number
            self.other.wire += wire
            self.other.payload += size

    def _ok(self, payload: bytes, size: int, wire: int, now: float) -> bool:
        answer = read_answer(payload)
        if answer is None:
            return False
        queue = self._events.get(answer.id)
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
            self._authenticated(request.pubkey, now)
        self._finish(request, reply)
        return True

    def _authenticated(self, pubkey: str, now: float) -> None:
        if HEX_64.fullmatch(pubkey) is None or len(self.identities) >= MAX_IDENTITIES:
            return
        self.identities.add(pubkey)
        if self.on_identity is not None and pubkey != self.client:
            self.on_identity(pubkey, now)
        self.client = pubkey

    def _answer(
        self, queues: dict[str, list[Request]], key: str, reply: Reply, size: int, wire: int, now: float
    ) -> bool:
        queue = queues.get(key)
        if not queue:
            return False
        reply.answer(size, wire, now)
        self._finish(queue[0], reply)
        return True

    def _answer_subscription(self, sub: str, reply: Reply, size: int, wire: int, now: float) -> bool:
        subscription = self._subs.get(sub)
        if subscription is None:
            return False
        reply.with_bytes_of(subscription.reply).answer(size, wire, now)
        subscription.reply = Reply()
        subscription.replies.append(reply)
        if len(subscription.replies) == len(subscription.requests):
            self._settle(subscription)
        else:
            self._settling.setdefault(subscription, now)
        return True

    def _settle(self, subscription: Subscription) -> None:
        """Gives the replies that came to the requests they belong to.

        As many as requests: in their order. Fewer: the relay answers only the newest REQ of an id, so the older ones
        were replaced. Until that is known (`SETTLE_SECONDS`) replies are held back.
        """
        self._settling.pop(subscription, None)
        requests, replies = subscription.requests, subscription.replies
        replaced = len(requests) - len(replies)
        for request in requests[:replaced]:
            request.note("inferred", True)
            self._finish_subscribed(request, Reply("cancelled"))
        for request, reply in zip(requests[replaced:], replies, strict=True):
            self._finish_subscribed(request, reply)
        self._keep(subscription.reply)
        self._subs.pop(subscription.sub, None)

    def _finish_subscribed(self, request: Request, reply: Reply) -> None:
        self._waiting.pop(request, None)
        if request.cancelled:  # its row is written: these bytes came late
            self._withdrawn -= 1
            self._keep(reply)
        else:
            self._row(request, reply)

    def _keep(self, reply: Reply) -> None:
        self.other.events += reply.events
        self.other.wire += reply.wire
        self.other.payload += reply.payload

    # What never comes

    def expire(self, now: float) -> None:
        """Gives up what has waited for longer than the timeout."""
        for subscription, since in list(self._settling.items()) if self._settling else ():
            if now - since >= min(SETTLE_SECONDS, self.timeout):
                self._settle(subscription)
        while self._waiting:
            oldest = next(iter(self._waiting))
            if now - oldest.started < self.timeout:
                return
            self._give_up(oldest)

    def close(self, outcome: str = "abandoned") -> None:
        """The connection ended: what still waits gets its row."""
        for subscription in list(self._settling):
            self._settle(subscription)
        while self._waiting:
            self._give_up(next(iter(self._waiting)), Reply(outcome))

    def _give_up(self, request: Request, reply: Reply | None = None) -> None:
        reply = reply or Reply("unanswered", "unanswered")
        subscription = self._subs.get(request.key) if request.event_type == "REQ" else None
        if subscription is None:
            self._finish(request, reply)
            return
        if subscription.replies:
            self._settle(subscription)
            return
        if request.cancelled:
            self._withdrawn -= 1
            self._keep(subscription.reply)
        else:
            self._row(request, reply.with_bytes_of(subscription.reply))
        subscription.reply = Reply()
        subscription.requests.remove(request)
        self._waiting.pop(request, None)
        if not subscription.requests:
            self._subs.pop(subscription.sub, None)

    def _finish(self, request: Request, reply: Reply) -> None:
        """Takes a request out of the queues and writes its row."""
        self._waiting.pop(request, None)
        queues_of = self._queues_of(request.event_type)
        queue = queues_of.get(request.key)
        if queue is not None:
            queue.remove(request)
            if not queue:
                del queues_of[request.key]
        self._row(request, reply)

    def _queues_of(self, event_type: str) -> dict[str, list[Request]]:
        if event_type == "COUNT":
            return self._counts
        return self._negs if event_type in ("NEG-OPEN", "NEG-MSG") else self._events

    def _row(self, request: Request, reply: Reply) -> None:
        if reply.reason:
            request.note("reason", reply.reason)
        if len(self.identities) > 1:
            request.note("identities", len(self.identities))
        started = request.started
        self.emit(
            Event(  # by position: seventeen names cost ten times as much to pass as what they name
                request.at,
                self.client,
                request.event_type,
                reply.outcome,
                reply.error_code,
                None if reply.answered is None else _milliseconds(started, reply.answered),  # response_time_ms
                None if reply.first_event is None else _milliseconds(started, reply.first_event),
                request.wire,  # bytes_in
                reply.wire,  # bytes_out
                request.payload,  # payload_in
                reply.payload,  # payload_out
                reply.events,
                request.kind,
                request.event_id,
                self.connection,
                self.app,
                request.metadata,
            )
        )


def _milliseconds(start: float, end: float) -> float:
    return (end - start) * 1000 if end > start else 0.0


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
