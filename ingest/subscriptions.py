"""REQs and what a relay sends for them: stored events up to an EOSE or CLOSED, and which REQ of an id that answers.

The same id may be asked several times before an answer comes; some relays answer each, some only the newest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from ingest.requests import Reply, Request
from ingest.rows import Rows

SETTLE_SECONDS = 5.0
"""How long an EOSE is held back while it is open which REQ of the same id it answers."""


@dataclass(slots=True)
class OtherTraffic:
    """What the relay sent that answers no message: live and late events, notices, challenges, unexpected answers."""

    events: int = 0
    wire: int = 0
    payload: int = 0
    notices: int = 0

    def keep(self, reply: Reply) -> None:
        """A reply that belongs to no row."""
        self.events += reply.events
        self.wire += reply.wire
        self.payload += reply.payload


class Subscription(msgspec.Struct, eq=False, gc=False):
    """REQs of one subscription id that are not all answered, oldest first, and the replies that came so far."""

    sub: str
    requests: list[Request] = []
    replies: list[Reply] = []  # complete, held back until it is known whose they are
    reply: Reply = msgspec.field(default_factory=Reply)  # the one being collected

    @property
    def expects_events(self) -> bool:
        """Whether an EVENT of this subscription is a stored one."""
        return len(self.replies) < len(self.requests)


@dataclass(slots=True, eq=False)
class Subscriptions:
    """The subscriptions of one connection, while answers are due. `waiting` holds all its messages that wait, oldest
    first, the REQs among them."""

    rows: Rows
    other: OtherTraffic
    waiting: dict[Request, None]
    withdrawn: int = 0  # of those waiting, how many the client cancelled
    _subs: dict[str, Subscription] = field(default_factory=dict)
    _settling: dict[Subscription, float] = field(default_factory=dict)  # since when replies are held back

    def add(self, request: Request) -> None:
        """A REQ."""
        subscription = self._subs.get(request.key)
        if subscription is None:
            self._subs[request.key] = Subscription(request.key, [request])
        else:
            subscription.requests.append(request)
        self.waiting[request] = None

    def cancel(self, sub: str) -> None:
        """The client needs no answer any more. One may come all the same, and must not answer a later REQ."""
        subscription = self._subs.get(sub)
        if subscription is None:
            return
        if subscription.replies:
            self._settle(subscription)
            return
        for request in subscription.requests:
            if not request.cancelled:
                self.rows.add(request, Reply("cancelled").with_bytes_of(subscription.reply))
                subscription.reply = Reply()
                request.cancelled = True
                self.withdrawn += 1

    def events(self, sub: str, number: int, size: int, wire: int, now: float) -> None:
        """EVENTs of a subscription: stored ones, or live and late ones."""
        subscription = self._subs.get(sub)
        if subscription is not None and subscription.expects_events:
            subscription.reply.add_events(number, size, wire, now)
        else:
            self.other.events += number
            self.other.wire += wire
            self.other.payload += size

    def answer(self, sub: str, reply: Reply, size: int, wire: int, now: float) -> bool:
        """An EOSE or CLOSED. False when nothing of that id waits."""
        subscription = self._subs.get(sub)
        if subscription is None:
            return False
        reply.with_bytes_of(subscription.reply).answer(size, wire, now)
        if len(subscription.requests) == 1 and not subscription.replies:  # as nearly always
            del self._subs[sub]
            self._finish(subscription.requests[0], reply)
            return True
        subscription.reply = Reply()
        subscription.replies.append(reply)
        if len(subscription.replies) == len(subscription.requests):
            self._settle(subscription)
        else:
            self._settling.setdefault(subscription, now)
        return True

    def settle(self, older_than: float) -> None:
        """Decides whose the replies are that have been held back since before the instant `older_than`."""
        for subscription, since in list(self._settling.items()) if self._settling else ():
            if since <= older_than:
                self._settle(subscription)

    def give_up(self, request: Request, reply: Reply) -> bool:
        """A REQ whose answer is waited for no longer. False when it is none that waits here."""
        subscription = self._subs.get(request.key)
        if subscription is None:
            return False
        if subscription.replies:
            self._settle(subscription)
            return True
        if request.cancelled:
            self.withdrawn -= 1
            self.other.keep(subscription.reply)
        else:
            self.rows.add(request, reply.with_bytes_of(subscription.reply))
        subscription.reply = Reply()
        subscription.requests.remove(request)
        self.waiting.pop(request, None)
        if not subscription.requests:
            self._subs.pop(subscription.sub, None)
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
            self._finish(request, Reply("cancelled"))
        for request, reply in zip(requests[replaced:], replies, strict=True):
            self._finish(request, reply)
        self.other.keep(subscription.reply)
        self._subs.pop(subscription.sub, None)

    def _finish(self, request: Request, reply: Reply) -> None:
        self.waiting.pop(request, None)
        if request.cancelled:  # its row is written: these bytes came late
            self.withdrawn -= 1
            self.other.keep(reply)
        else:
            self.rows.add(request, reply)
