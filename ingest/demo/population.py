"""The invented clients of history: who they are, when they came, how often they come back."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
from nostr_sdk import Keys
from numpy.typing import NDArray

from ingest.demo.messages import PEOPLE, Person
from ingest.demo.world import APPS, secret_key

Numbers = NDArray[np.int64]

SPAMMERS = 40
ESTABLISHED = 0.35  # share of clients that were there before history begins
ONE_TIME = 0.3  # share of clients that never come back
ZIPF = 1.05


class Population:
    """`size` clients over `days` days before `until`; the first PEOPLE are the people of the live demo.

    Who authenticates is named by pubkey, all others by a hash that looks like the tap's hash of an address.
    """

    def __init__(self, until: datetime, days: int, size: int, seed: int) -> None:
        random = np.random.default_rng([seed, 1])
        self.names = [_name(number, seed) for number in range(size)]
        self.identities = ["address" if name.startswith("addr:") else "pubkey" for name in self.names]
        self.apps = _apps(random, size)
        self._seed = seed
        self._first_day = _day(until - timedelta(days=days))
        arrival = random.integers(1, days + 1, size)
        self._arrival = np.where(random.random(size) < ESTABLISHED, -random.integers(0, 60, size), arrival)
        self._loyalty = np.where(random.random(size) < ONE_TIME, 0.0, random.beta(1.6, 2.4, size))
        self._loyalty[: size // 50] = 0.95  # the busiest are services: they are there every day
        self._arrival[: size // 50] = 0
        ranks = np.arange(1, size + 1)
        self._activity = 1 / ranks**ZIPF

    def active(self, day: datetime) -> tuple[Numbers, NDArray[np.float64]]:
        """The clients of a UTC day and the share of its messages that each of them sends."""
        number = _day(day)
        random = np.random.default_rng([self._seed, 2, number])
        age = (number - self._first_day) - self._arrival
        returning = self._loyalty * np.maximum(age, 1) ** -0.25
        chosen = np.flatnonzero((age == 0) | ((age > 0) & (random.random(len(age)) < returning)))
        if not len(chosen):
            chosen = np.arange(1)
        activity = self._activity[chosen]
        return chosen, activity / activity.sum()

    def spammers(self) -> Numbers:
        """The clients that take part in spam waves: the last ones."""
        return np.arange(len(self.names) - min(SPAMMERS, len(self.names)), len(self.names))


def _name(number: int, seed: int) -> str:
    if number < PEOPLE:
        person = Person(number)
        if person.authenticates:
            return person.pubkey
    elif number % 5 == 0:
        return str(Keys.parse(secret_key(number)).public_key().to_hex())
    return "addr:" + hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:20]


def _apps(random: np.random.Generator, size: int) -> list[str]:
    shares = np.array([app.share for app in APPS])
    return [APPS[choice].name for choice in random.choice(len(APPS), size, p=shares / shares.sum())]


def _day(moment: datetime) -> int:
    return moment.astimezone(UTC).toordinal()
