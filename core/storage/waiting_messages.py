"""What waits long for an answer, as the samples tell it: by app, client, verb and kind.

A message has its row once it is answered or its time is over. Until then nothing but this says whose messages wait,
which is what has to be known when answers stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from core.records import Sample, Waiting
from core.storage.rows import Array

Row = tuple[int, int, int, Waiting]
"""Microseconds since the Unix epoch, place of the relay, worker, what waits."""

INSERT = """
INSERT INTO waiting_messages (timestamp, relay_id, worker, app, client_id, event_type, kind, n)
SELECT timestamptz 'epoch' + at * interval '1 us', relay, worker, app, client, event_type, kind, n
FROM unnest(%s::bigint[], %s::smallint[], %s::smallint[], %s::text[], %s::text[], %s::text[], %s::integer[],
            %s::integer[]) AS new (at, relay, worker, app, client, event_type, kind, n)"""


def rows(samples: Sequence[Sample], relays: Array, first_worker: int) -> list[Row]:
    """`relays`: the place of the relay of each sample; `first_worker`: the number of worker 0 in the database."""
    return [
        (sample.timestamp, int(relay), first_worker + sample.worker, waiting)
        for sample, relay in zip(samples, relays, strict=True)
        for waiting in sample.waiting
    ]


def store(connection: psycopg.Connection[Any], rows: Sequence[Row], relays: Array) -> None:
    """In the storing transaction. `relays`: the numbers of the relays by their places."""
    if not rows:
        return
    values = [
        (at, int(relays[place]), worker, each.app, each.client, each.event_type, each.kind, each.n)
        for at, place, worker, each in rows
    ]
    connection.execute(INSERT, [list(column) for column in zip(*values, strict=True)])
