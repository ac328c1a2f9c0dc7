"""One hour of invented history as a batch: events, the connections they came over, and a sample every minute."""

from __future__ import annotations

from datetime import datetime
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.records import Batch, Connection, Delivery, Event, Sample
from ingest.demo import queries
from ingest.demo.answers import REASONS, Floats, outcomes, response_times
from ingest.demo.population import Numbers, Population
from ingest.demo.rhythm import Hour, Incident
from ingest.demo.world import EPHEMERAL_KINDS, STORED_KINDS, VERBS

SOURCE = "demo:history"
RELAY = "demo"
SAMPLE_SECONDS = 60
SECOND = 1_000_000  # in the unit of timestamps
MASKED_HEADER, HEADER = 8, 4  # bytes of a WebSocket frame of 126 bytes to 64 KB, from the client and to it
HANDSHAKE_IN, HANDSHAKE_OUT = 420, 160
FIRST_CONNECTION = 1 << 62  # far above what the tap's workers hand out
MEMORY, DISK = 8 * 1024**3, 80 * 1024**3  # of the invented host

PAYLOAD_IN: dict[str, tuple[float, float]] = {
    "EVENT": (620, 0.8), "REQ": (210, 0.7), "COUNT": (120, 0.5), "CLOSE": (24, 0.2), "AUTH": (520, 0.1),
    "NEG-OPEN": (140, 0.2), "NEG-MSG": (400, 1.0), "NEG-CLOSE": (26, 0.2), "OTHER": (30, 0.5),
}  # fmt: skip
"""Median bytes of a client message, and their logarithmic spread."""

ANSWER: dict[str, int] = {"EVENT": 80, "REQ": 20, "COUNT": 38, "AUTH": 80, "NEG-OPEN": 600, "NEG-MSG": 600}
KINDS = np.array([*STORED_KINDS, *EPHEMERAL_KINDS])
KIND_SHARES = np.array([*STORED_KINDS.values(), *EPHEMERAL_KINDS.values()])
QUERY_FACTS = queries.metadata()
TYPICAL_EVENT = 900  # bytes of an event that a REQ delivers


def batch_of(hour: Hour, population: Population, seed: int) -> Batch:
    """The hour's batch: the same for equal arguments. Its sequence is the hour's number, so it is stored only once."""
    random = np.random.default_rng([seed, 3, hour.number])
    clients, shares = population.active(hour.start)
    count = int(random.poisson(hour.messages))
    who = random.choice(clients, count, p=shares)
    verbs = random.choice(len(VERBS), count, p=np.array(list(VERBS.values())) / sum(VERBS.values()))
    when = _moments(random, hour.start, hour.end, count)

    events: list[Event] = []
    for index, verb in enumerate(VERBS):
        chosen = verbs == index
        events += _events(random, verb, when[chosen], who[chosen], population, hour)
    for incident in hour.incidents:
        events += _flood(random, incident, hour, population)
    events.sort(key=lambda event: event.timestamp)
    connections, deliveries = _connections(random, hour, events, population)
    return Batch(SOURCE, hour.number, RELAY, events, deliveries, connections, _samples(random, hour, len(events)))


def _flood(random: np.random.Generator, incident: Incident, hour: Hour, population: Population) -> list[Event]:
    start, end = max(incident.start, hour.start), min(incident.end, hour.end)
    usual = hour.messages * VERBS["EVENT"] / sum(VERBS.values()) * ((end - start).total_seconds() / hour.seconds)
    count = int(random.poisson(usual * max(incident.flood - 1, 0)))
    who = random.choice(population.spammers(), count)
    return _events(random, "EVENT", _moments(random, start, end, count), who, population, hour)


def _events(
    random: np.random.Generator, verb: str, when: Numbers, who: Numbers, population: Population, hour: Hour
) -> list[Event]:
    count = len(when)
    rejected, unanswered, slowness = _effects(hour.incidents, when)
    asked = queries.drawn(random, count) if verb in ("REQ", "COUNT") else None
    if asked is not None:
        slowness = slowness * queries.SLOWNESS[asked]
    ended, codes = outcomes(random, verb, rejected, unanswered)
    times = response_times(random, verb, ended, slowness)
    median, spread = PAYLOAD_IN[verb]
    payload_in = np.maximum(random.lognormal(np.log(median), spread, count), 12).astype(np.int64)
    answered = np.array([time is not None for time in times], dtype=bool)
    good = np.array([outcome == "ok" for outcome in ended], dtype=bool)
    delivered = random.negative_binomial(0.6, 0.05, count) * good if verb == "REQ" else np.zeros(count, np.int64)
    payload_out = (ANSWER.get(verb, 0) * answered + delivered * TYPICAL_EVENT * random.uniform(0.6, 1.5, count)).astype(
        np.int64
    )
    frames_out = answered + delivered
    kinds: list[int | None] = [None] * count
    if verb == "EVENT":
        kinds = random.choice(KINDS, count, p=KIND_SHARES / KIND_SHARES.sum()).tolist()
    elif verb == "AUTH":
        kinds = [22242] * count
    identified = verb in {"EVENT", "AUTH"}
    ids = random.bytes(32 * count) if identified else b""
    told: list[dict[str, Any]] = [{}] * count if asked is None else [QUERY_FACTS[place] for place in asked.tolist()]
    rows = zip(
        when.tolist(), who.tolist(), ended, codes, times, payload_in.tolist(), payload_out.tolist(),
        frames_out.tolist(), delivered.tolist(), kinds, random.random(count).tolist(), strict=True,
    )  # fmt: skip
    return [
        Event(
            timestamp=at,
            client=population.names[client],
            event_type=verb,
            outcome=outcome,
            error_code=code,
            response_time_ms=time,
            first_event_ms=round(time * early, 3) if time is not None and events_out else None,
            bytes_in=size_in + MASKED_HEADER,
            bytes_out=size_out + HEADER * frames,
            payload_in=size_in,
            payload_out=size_out,
            events_out=events_out,
            kind=kind,
            event_id=ids[32 * row : 32 * row + 32] if identified else None,
            connection=_connection(hour, client),
            app=population.apps[client],
            metadata=told[row] | ({"reason": REASONS[code]} if code in REASONS else {}) or None,
        )
        for row, (at, client, outcome, code, time, size_in, size_out, frames, events_out, kind, early) in enumerate(
            rows
        )
    ]


def _effects(incidents: tuple[Incident, ...], when: Numbers) -> tuple[Floats, Floats, Floats]:
    """What the incidents do to the messages of these moments: share refused, share unanswered, slowness."""
    rejected, unanswered, slowness = np.zeros(len(when)), np.zeros(len(when)), np.ones(len(when))
    for incident in incidents:
        during = (when >= _microseconds(incident.start)) & (when < _microseconds(incident.end))
        rejected[during] = incident.rejected
        unanswered[during] = incident.unanswered
        slowness[during] = incident.slowness
    return rejected, unanswered, slowness


def _connections(
    random: np.random.Generator, hour: Hour, events: list[Event], population: Population
) -> tuple[list[Connection], list[Delivery]]:
    """One connection per client and hour, around its messages, and what it carried beside them."""
    identities = dict(zip(population.names, population.identities, strict=True))
    messages: dict[int, list[Event]] = {}
    for event in events:
        messages.setdefault(event.connection, []).append(event)
    connections, deliveries = [], []
    for (number, mine), before, after, live in zip(
        messages.items(),
        random.exponential(2, len(messages)).tolist(),
        random.exponential(300, len(messages)).tolist(),
        random.poisson(6, len(messages)).tolist(),
        strict=True,
    ):
        opened = mine[0].timestamp - int(before * SECOND)
        closed = min(mine[-1].timestamp + int(after * SECOND), _microseconds(hour.end))
        payload = live * TYPICAL_EVENT
        side = Delivery(
            timestamp=closed,
            client=mine[0].client,
            connection=number,
            events_out=live,
            bytes_in=HANDSHAKE_IN,
            bytes_out=HANDSHAKE_OUT + payload + HEADER * live,
            payload_out=payload,
        )
        deliveries.append(side)
        connections.append(
            Connection(
                connection=number,
                client=mine[0].client,
                identity=identities[mine[0].client],
                opened_at=opened,
                closed_at=closed,
                close_code=1000 if live % 3 else None,
                app=mine[0].app,
                bytes_in=side.bytes_in + sum(event.bytes_in for event in mine),
                bytes_out=side.bytes_out + sum(event.bytes_out for event in mine),
                events=len(mine),
            )
        )
    return connections, deliveries


def _samples(random: np.random.Generator, hour: Hour, messages: int) -> list[Sample]:
    """One second of each minute. `messages` is how many the hour really had."""
    moments = np.arange(_microseconds(hour.start), _microseconds(hour.end), SAMPLE_SECONDS * SECOND)
    count = len(moments)
    each_second = messages / hour.seconds
    load = hour.messages / hour.seconds
    active = np.maximum(random.normal(12 + load * 120, 3, count), 1).astype(int)
    spread: NDArray[np.int64] = random.poisson(0.4, (count, 2))
    events = random.poisson(each_second, count)
    cpu = np.clip(random.normal(6 + each_second * 12, 2, count), 0.5, 100)
    memory = np.clip(random.normal(38 + load * 8, 0.4, count), 1, 99)
    disk = 22 + (hour.number % 24_000) / 24_000 * 20
    return [
        Sample(
            timestamp=at,
            worker=0,
            active_connections=now,
            peak_connections=now + opened,
            opened=opened,
            closed=closed,
            events=sent,
            frames_out=sent * 9,
            bytes_in=sent * 320,
            bytes_out=sent * 9 * TYPICAL_EVENT,
            cpu_percent=round(busy, 1),
            memory_percent=round(used, 1),
            memory_bytes=int(MEMORY * used / 100),
            disk_percent=round(disk, 2),
            disk_bytes=int(DISK * disk / 100),
        )
        for at, now, (opened, closed), sent, busy, used, disk in zip(
            moments.tolist(),
            active.tolist(),
            spread.tolist(),
            events.tolist(),
            cpu.tolist(),
            memory.tolist(),
            repeat(disk, count),
            strict=True,
        )
    ]


def _moments(random: np.random.Generator, start: datetime, end: datetime, count: int) -> Numbers:
    return random.integers(_microseconds(start), _microseconds(end), count)


def _connection(hour: Hour, client: int) -> int:
    return FIRST_CONNECTION + (hour.number << 20) + client


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND + moment.microsecond
