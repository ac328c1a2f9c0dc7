"""One demo client: connects under its own address and User-Agent, speaks when told to, comes back when cut off."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from ingest.demo.messages import NEGENTROPY_START, Conversation, Person
from ingest.demo.world import VERBS

MAX_SUBSCRIPTIONS = 12
FIRST_RETRY, LAST_RETRY = 0.5, 5.0  # seconds
CHALLENGE = b'["AUTH"'


class Session:
    """`run` keeps the connection for `lifetime` seconds; each `speak` sends one message if it is up."""

    def __init__(
        self,
        person: Person,
        conversation: Conversation,
        url: str,
        relay_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.person = person
        self._conversation = conversation
        self._random = conversation.random
        self._url = url
        self._relay_url = relay_url
        self._clock = clock
        self._socket: ClientConnection | None = None
        self._subscriptions: list[str] = []
        self._negentropy: str | None = None
        self._challenge: str | None = None
        self._spoken = 0

    async def run(self, lifetime: float) -> None:
        """Stays connected for `lifetime` seconds, dialling again whenever the tap or the relay went away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(lifetime):
                retry = FIRST_RETRY
                while True:
                    with suppress(OSError, InvalidHandshake, WebSocketException, TimeoutError):
                        await self._listen()
                        retry = FIRST_RETRY
                    await asyncio.sleep(retry * self._random.uniform(0.5, 1.5))
                    retry = min(retry * 2, LAST_RETRY)

    async def _listen(self) -> None:
        async with connect(
            self._url,
            user_agent_header=self.person.app.user_agent,
            additional_headers={"X-Forwarded-For": self.person.address},
            compression=None,
            open_timeout=10,
            close_timeout=1,
            ping_interval=60,
            max_size=None,
        ) as socket:
            self._socket = socket
            self._subscriptions.clear()
            self._negentropy = self._challenge = None
            try:
                async for message in _raw(socket):
                    if message.startswith(CHALLENGE):
                        self._challenge = json.loads(message)[1]
            finally:
                self._socket = None

    async def speak(self) -> bool:
        """Sends one message, as a client of this kind would next. False when there is no connection."""
        socket = self._socket
        if socket is None:
            return False
        with suppress(WebSocketException, OSError):
            await socket.send(self._next_message())
            return True
        return False

    def _next_message(self) -> str:
        self._spoken += 1
        now = int(self._clock())
        if self._challenge is not None and self.person.authenticates:
            challenge, self._challenge = self._challenge, None
            return _text("AUTH", self._conversation.authentication(self.person, challenge, self._relay_url, now))
        if self._negentropy is not None:
            return self._end_negentropy()
        verb = self._random.choices(list(VERBS), list(VERBS.values()))[0]
        if verb == "EVENT":
            return _text(verb, self._conversation.event(self.person, now))
        if verb == "CLOSE" and self._subscriptions:
            return _text(verb, self._subscriptions.pop(self._random.randrange(len(self._subscriptions))))
        if verb == "COUNT":
            return _text(verb, f"count-{self._spoken}", self._conversation.filter(self.person, now))
        if verb == "NEG-OPEN":
            self._negentropy = f"sync-{self._spoken}"
            return _text(verb, self._negentropy, {"kinds": [0], "limit": 100}, NEGENTROPY_START)
        if verb == "OTHER":
            return self._conversation.malformed()
        if verb == "AUTH" and self.person.authenticates:  # asking for one's gift wraps makes the relay challenge
            return _text("REQ", self._subscription(), {"kinds": [1059], "#p": [self.person.pubkey], "limit": 20})
        return _text("REQ", self._subscription(), self._conversation.filter(self.person, now))

    def _end_negentropy(self) -> str:
        name = self._negentropy
        if self._random.random() < 0.4:
            return _text("NEG-MSG", name, NEGENTROPY_START)
        self._negentropy = None
        return _text("NEG-CLOSE", name)

    def _subscription(self) -> str:
        """Most REQs replace an open subscription."""
        if self._subscriptions and (self._random.random() < 0.75 or len(self._subscriptions) >= MAX_SUBSCRIPTIONS):
            return self._random.choice(self._subscriptions)
        name = self.person.app.subscription.format(n=self._spoken)
        if name not in self._subscriptions:
            self._subscriptions.append(name)
        return name


async def _raw(socket: ClientConnection) -> AsyncIterator[bytes]:
    while True:
        yield await socket.recv(decode=False)


def _text(*parts: object) -> str:
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
