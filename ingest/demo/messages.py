"""Nostr messages as the demo's clients send them: signed events of every kind, filters of the usual shapes."""

from __future__ import annotations

import json
from collections import deque
from random import Random
from typing import Any

from nostr_sdk import EventBuilder, Keys, Kind, Tag, Timestamp

from ingest.demo.world import (
    APPS,
    BLOCKED_KINDS,
    DUPLICATE_SHARE,
    EPHEMERAL_KINDS,
    REJECTED_SHARE,
    SPAM_WORD,
    STORED_KINDS,
    App,
    address,
    secret_key,
)

PEOPLE = 400
MINUTE = 60
WORDS = (
    "zap", "relay", "note", "key", "sats", "morning", "coffee", "purple", "ostrich",
    "block", "fee", "node", "light", "open", "freedom", "signal", "client",
)  # fmt: skip
KINDS = tuple(STORED_KINDS) + tuple(EPHEMERAL_KINDS)
KIND_SHARES = tuple(STORED_KINDS.values()) + tuple(EPHEMERAL_KINDS.values())
NEGENTROPY_START = "6100000200"  # NIP-77: version 1, one fingerprint-less range, an empty id list


class Person:
    """Someone with a key, an address and a favourite application. Equal numbers are the same person in every run."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.keys = Keys.parse(secret_key(number))
        self.pubkey: str = self.keys.public_key().to_hex()
        self.address = address(number)
        taste = Random(number)
        self.app: App = taste.choices(APPS, [app.share for app in APPS])[0]
        self.authenticates = taste.random() < 0.3

    def sign(self, kind: int, content: str, tags: list[list[str]], created_at: int) -> dict[str, Any]:
        """A signed event as JSON values; `created_at` in seconds since the Unix epoch."""
        builder = (
            EventBuilder(Kind(kind), content)
            .tags([Tag.parse(tag) for tag in tags])
            .custom_created_at(Timestamp.from_secs(created_at))
        )
        event: dict[str, Any] = json.loads(builder.finalize(self.keys).as_json())
        return event


class Conversation:
    """Writes the messages of all demo clients: it knows what was published, so that it can be asked for or repeated."""

    def __init__(self, random: Random, people: int = PEOPLE) -> None:
        self.random = random
        self.people = [Person(number) for number in range(people)]
        self._published: deque[dict[str, Any]] = deque(maxlen=200)

    def event(self, person: Person, now: int) -> dict[str, Any]:
        """An EVENT's event at `now` (seconds): mostly new, often one the relay has, at times one that it refuses."""
        chance = self.random.random()
        if chance < DUPLICATE_SHARE and self._published:
            return self.random.choice(self._published)
        if chance > 1 - REJECTED_SHARE:
            return self._refused_event(person, now)
        kind = self.random.choices(KINDS, KIND_SHARES)[0]
        event = person.sign(kind, self._content(kind), self._tags(person, kind), now)
        if kind in STORED_KINDS:
            self._published.append(event)
        return event

    def filter(self, person: Person, now: int) -> dict[str, Any]:
        """The filter of a REQ or COUNT at `now` (seconds)."""
        shape = self.random.random()
        if shape < 0.35:
            authors = [self.someone().pubkey for _ in range(self.random.randint(3, 20))]
            return {"kinds": [1, 6], "authors": authors, "limit": 20}
        if shape < 0.60:
            return {"kinds": [0], "authors": [self.someone().pubkey]}
        if shape < 0.75:
            return {"kinds": [1, 6, 7, 9735], "#p": [person.pubkey], "since": now - 60 * MINUTE, "limit": 30}
        if shape < 0.88 and self._published:
            return {"ids": [each["id"] for each in self.random.choices(self._published, k=3)]}
        if shape < 0.95:
            return {"kinds": [1], "limit": self.random.choice((5, 10, 50))}
        if shape < 0.98:
            return {"kinds": [1059], "#p": [person.pubkey], "limit": 20}
        return {"search": self.random.choice(WORDS), "limit": 20}

    def authentication(self, person: Person, challenge: str, relay_url: str, now: int) -> dict[str, Any]:
        """The event of an AUTH (NIP-42); one in twenty answers a challenge that was not asked."""
        answer = challenge if self.random.random() > 0.05 else "stale"
        return person.sign(22242, "", [["relay", relay_url], ["challenge", answer]], now)

    def someone(self) -> Person:
        """A person, the first ones far more often than the last: Zipf's law."""
        return self.people[min(int(len(self.people) ** self.random.random()) - 1, len(self.people) - 1)]

    def malformed(self) -> str:
        return self.random.choice(('["REQ"]', '["HELLO","relay"]', "not json", '["EVENT",{"id":"00"}]'))

    def _refused_event(self, person: Person, now: int) -> dict[str, Any]:
        reason = self.random.choice(("kind", "spam", "signature", "id"))
        if reason == "kind":
            return person.sign(self.random.choice(BLOCKED_KINDS), self._content(1), [], now)
        if reason == "spam":
            return person.sign(1, f"free {SPAM_WORD} {self._content(1)}", [], now)
        event = person.sign(1, self._content(1), [], now)
        return event | ({"sig": "00" * 64} if reason == "signature" else {"content": "something else"})

    def _content(self, kind: int) -> str:
        if kind == 0:
            return json.dumps({"name": self.random.choice(WORDS), "about": self._text(120)})
        if kind == 7:
            return "+"
        return self._text(min(int(self.random.lognormvariate(5.3, 1.0)), 20_000))

    def _text(self, length: int) -> str:
        words = self.random.choices(WORDS, k=max(1, length // 6))
        return " ".join(words)

    def _tags(self, person: Person, kind: int) -> list[list[str]]:
        if kind == 3:
            return [["p", self.someone().pubkey] for _ in range(min(int(self.random.lognormvariate(4, 1)), 500))]
        tags: list[list[str]] = []
        if kind in {1, 4, 6, 7, 1059, 9735}:
            tags.append(["p", self.someone().pubkey])
        if kind in {6, 7, 9735} and self._published:
            tags.append(["e", self.random.choice(self._published)["id"]])
        return tags
