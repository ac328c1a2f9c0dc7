"""The whole invented history as batches, day by day."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import groupby

from core.records import Batch
from ingest.demo.population import Population
from ingest.demo.rhythm import hours
from ingest.demo.rows import batch_of

DAYS = 30
MESSAGES = 400_000
CLIENTS = 3_500
SEED = 21


def history(
    until: datetime,
    *,
    days: int = DAYS,
    messages: int = MESSAGES,
    clients: int = CLIENTS,
    seed: int = SEED,
    stored: Collection[int] = (),
) -> Iterator[list[Batch]]:
    """The batches of each UTC day, newest day first; nothing is as late as `until`. Equal arguments, equal batches.

    `stored` are sequences (numbers of hours) to leave out.
    """
    population = Population(until, days, clients, seed)
    missing = (hour for hour in hours(until, days, messages) if hour.number not in stored)
    for _, day in groupby(missing, key=lambda hour: hour.start.date()):
        yield [batch_of(hour, population, seed) for hour in day]
