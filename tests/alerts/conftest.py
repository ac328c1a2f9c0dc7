"""Looks at rules on a database of the test's own, at moments the test chooses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.alerts import defaults, store
from core.alerts.evaluation import Evaluator, Round
from core.alerts.rules import Rule
from core.alerts.store import Incident
from core.alerts.surroundings import Surroundings
from core.records import Batch, Counts, Event, Sample
from core.storage.database import Database
from core.storage.writer import BatchWriter
from tests.support.records import event, micros, sample

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
AROUND = Surroundings(ZoneInfo("UTC"), answer_timeout=30.0, spools=None, spool_max_bytes=2**31)
RELAY = "relay.example"
_sequence = count(1)


class World:
    """A relay whose traffic the test writes, and a worker that looks at the rules."""

    def __init__(self, database: Database, around: Surroundings = AROUND) -> None:
        self.database = database
        self.now = NOW
        self.evaluator = Evaluator(database, around)

    def write(self, events: Sequence[Event] = (), samples: Sequence[Sample] = (), counts: Counts | None = None) -> None:
        sequence = next(_sequence)
        batch = Batch("tap:test:0", sequence, RELAY, list(events), [], [], list(samples), made_at=micros(self.now))
        batch.counts = counts
        with BatchWriter(self.database) as writer:
            writer.write([batch])

    def look(self) -> Round:
        return self.evaluator.look(self.now)

    def pass_(self, seconds: float, events_per_second: int = 0, **fields: Any) -> list[Round]:
        """Time goes on in looks of five seconds, each with the traffic before it: messages with `fields`, and a sample
        per second. Fields of samples begin with `sample_`."""
        of_samples = {name.removeprefix("sample_"): fields.pop(name) for name in list(fields) if name[:7] == "sample_"}
        rounds = []
        for _ in range(round(seconds / 5)):
            self.now += timedelta(seconds=5)
            events, samples = [], []
            for back in range(5, 0, -1):
                at = self.now - timedelta(seconds=back)
                events += [event(at + timedelta(milliseconds=n), **fields) for n in range(events_per_second)]
                samples.append(sample(at, **({"events": events_per_second} | of_samples)))
            self.write(events, samples)
            rounds.append(self.look())
        return rounds

    @property
    def incidents(self) -> list[Incident]:
        return store.incidents(self.database)


@pytest.fixture
def world(any_database: Database) -> World:
    return World(any_database)


@contextmanager
def only(*rules: Rule) -> Iterator[None]:
    """Nothing is watched but these: the other defaults are off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "DEFAULTS", rules)
        yield


def default(name: str) -> Rule:
    return next(rule for rule in defaults.DEFAULTS if rule.name == name)
