"""Bins of latencies and lengths of a range: packed ones of hours and days that have ended, rows of what is newer."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.reports.binned import Binned, Ints, Sketches, column, joined, pack_sizes, packed, sketches
from core.reports.frame import Frame
from core.reports.query import Read, Rows
from core.storage.latency_packs import NEVER, SOURCES, Source
from core.storage.rollups import FIRST_EVENT, LATENCY, SESSION
from core.storage.spans import steps


def response_times(read: Read, asked: Frame, event_type: str | None) -> Sketches:
    """Response times in the buckets asked for, and by event type."""
    parameters = _parameters(read, asked, SOURCES[LATENCY]) | {"event_type": event_type}
    packs, rows = read("latency_packed", parameters), read("latency_open", parameters)
    names = sorted({row[2] for row in packs} | {row[1] for row in rows})
    number = {name: place for place, name in enumerate(names)}
    types = np.array([number[row[2]] for row in packs], dtype=np.int64)
    return sketches(
        names,
        [
            (
                packed([(row[0], row[1], row[3]) for row in packs]),
                np.repeat(types, pack_sizes(row[3] for row in packs)),
            ),
            (_counted([(row[0], row[2], row[3]) for row in rows]), column([(number[row[1]],) for row in rows], 0)),
        ],
    )


def response_times_of_kind(read: Read, asked: Frame, kind: int) -> Sketches:
    """Response times of EVENT messages of one kind in the buckets asked for."""
    found = packed(read("latency_of_kind", asked.parameters | {"kind": kind}))
    return sketches(["EVENT"], [(found, np.zeros(len(found.bin), dtype=np.int64))])


def first_events(read: Read, asked: Frame) -> Binned:
    """Times from a REQ to its first EVENT, in the buckets asked for."""
    parameters = _parameters(read, asked, SOURCES[FIRST_EVENT])
    return joined([packed(read("first_event_packed", parameters)), _counted(read("first_event_open", parameters))])


def sessions(read: Read, asked: Frame, relay: str | None) -> tuple[Binned, Ints]:
    """Lengths (ms) of ended connections in the buckets asked for, and what those of each bucket last together (ms)."""
    parameters = _parameters(read, asked, SOURCES[SESSION]) | {"relay": relay}
    packs, rows = read("sessions_packed", parameters), read("sessions_open", parameters)
    total = np.zeros(asked.count, dtype=np.int64)
    for step, sign, _, duration_ms in packs:
        total[step] += sign * duration_ms
    for step, _, _, duration_ms in rows:
        total[step] += duration_ms
    return joined([packed([row[:3] for row in packs]), _counted([row[:3] for row in rows])]), total


def _parameters(read: Read, asked: Frame, source: Source) -> dict[str, Any]:
    before = read.mark(source.mark) or NEVER
    day = before.replace(hour=0)
    parts = steps(asked.edges, days_before=day)
    # what is newer comes as rows
    known = [place for place, bucket in enumerate(parts.buckets) if bucket < before]
    chosen = {name: [values[place] for place in known] for name, values in parts.parameters.items()}
    return asked.parameters | chosen | {"packed_before": before}


def _counted(rows: Rows) -> Binned:
    table: Ints = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Binned(table[:, 0], table[:, 1], table[:, 2])
