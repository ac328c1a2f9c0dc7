"""Records as columns: what goes into the raw tables, and the facts the roll-ups count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Connection, Delivery, Event, Sample
from core.storage import cleaning
from core.storage.binary_copy import Column, Payloads
from core.storage.latency_bins import bins_of

Array = NDArray[Any]
TICKS_PER_MS = 1024
"""Times are kept as multiples of 1/1024 ms (about a microsecond): sums of them are then exact in floating point, and
the roll-ups do not depend on the order in which rows arrive."""


@dataclass(frozen=True)
class Names:
    """The small integers of the names: relays, clients and apps of a batch, and the fixed lists."""

    clients: Mapping[str, int]
    apps: Mapping[str, int]
    event_types: Mapping[str, int]
    outcomes: Mapping[str, int]
    error_codes: Mapping[str | None, int]


@dataclass(frozen=True)
class EventColumns:
    """Events of one write, transposed. Names are still names."""

    timestamp: Array
    clients: Sequence[str]  # distinct
    client: Array  # place in `clients`
    event_type: Sequence[str]
    outcome: Sequence[str]
    error_code: Sequence[str | None]
    response_time_ms: Array
    first_event_ms: Array
    integers: Mapping[str, Array]  # bytes_in, bytes_out, payload_in, payload_out, events_out, connection
    kind: Array  # -1: none
    event_id: Sequence[bytes | None]
    app: Sequence[str | None]


INTEGERS = ("bytes_in", "bytes_out", "payload_in", "payload_out", "events_out")


def transpose(events: Sequence[Event]) -> EventColumns | None:
    """The columns of events, or None when there are none or some event needs cleaning first."""
    if not events:
        return None
    # A list per field: transposing tuples would cost five times as much.
    client = [event.client for event in events]
    event_type = [event.event_type for event in events]
    outcome = [event.outcome for event in events]
    error_code = [event.error_code for event in events]
    response = [event.response_time_ms for event in events]
    first = [event.first_event_ms for event in events]
    kind = [event.kind for event in events]
    event_id = [event.event_id for event in events]
    app = [event.app for event in events]
    try:
        times = np.array([event.timestamp for event in events], dtype=np.int64)
        integers = {
            "bytes_in": np.array([event.bytes_in for event in events], dtype=np.int64),
            "bytes_out": np.array([event.bytes_out for event in events], dtype=np.int64),
            "payload_in": np.array([event.payload_in for event in events], dtype=np.int64),
            "payload_out": np.array([event.payload_out for event in events], dtype=np.int64),
            "events_out": np.array([event.events_out for event in events], dtype=np.int64),
        }
        connections = np.array([event.connection for event in events], dtype=np.int64)
        numbers: defaultdict[str, int] = defaultdict(count().__next__)
        client_place = np.fromiter(map(numbers.__getitem__, client), np.int64, len(client))
        kinds = np.array([-1 if value is None else value for value in kind], dtype=np.int64)
        responses, firsts = np.array(response, dtype=np.float64), np.array(first, dtype=np.float64)
    except (OverflowError, TypeError, ValueError):
        return None
    highest = {name: int(values.max()) for name, values in integers.items()}
    clean = (
        times.min() >= cleaning.EARLIEST
        and times.max() < cleaning.LATEST
        and min(int(values.min()) for values in integers.values()) >= 0
        and max(highest.values()) <= cleaning.LARGEST_BYTES
        and highest["events_out"] <= cleaning.LARGEST_INT
        and kinds.min() >= -1
        and -1 not in kind
        and kinds.max() <= 65535
        and _times_fit(response, responses)
        and _times_fit(first, firsts)
        and cleaning.all_storable(list(numbers), cleaning.LONGEST_CLIENT)
        and cleaning.all_storable([name for name in set(app) if name is not None], cleaning.LONGEST_APP)
        and set(event_type) <= set(EVENT_TYPES)
        and set(outcome) <= set(OUTCOMES)
        and set(error_code) <= {None, *ERROR_CODES}
        and {len(value) for value in event_id if value is not None} <= {32}
    )
    if not clean:
        return None
    integers["connection"] = connections
    return EventColumns(
        times, list(numbers), client_place, event_type, outcome, error_code, responses, firsts, integers, kinds,
        event_id, app,
    )  # fmt: skip


def _times_fit(given: Sequence[float | None], times: Array) -> bool:
    missing = np.isnan(times)
    if int(missing.sum()) != given.count(None):  # a NaN that was given, not made of None
        return False
    known = times[~missing]
    return len(known) == 0 or bool(known.min() >= 0 and known.max() < cleaning.LONGEST_TIME_MS)


def stored_times(milliseconds: Array) -> Array:
    """What the raw table keeps of times: see TICKS_PER_MS. NaN stays."""
    stored: Array = (np.rint(milliseconds * TICKS_PER_MS) / TICKS_PER_MS).astype(np.float32)
    return stored


def event_rows(
    columns: EventColumns, relay: Array, names: Names, metadata: Sequence[bytes | None]
) -> tuple[list[Column], Payloads, dict[str, Array]]:
    """Columns of `traffic_events_raw`, and the facts."""
    size = len(columns.timestamp)
    client = np.array([names.clients[name] for name in columns.clients], dtype=np.int64)[columns.client]
    event_type = np.fromiter(map(names.event_types.__getitem__, columns.event_type), np.int64, size)
    outcome = np.fromiter(map(names.outcomes.__getitem__, columns.outcome), np.int64, size)
    error = np.fromiter(map(names.error_codes.__getitem__, columns.error_code), np.int64, size)
    response, first = stored_times(columns.response_time_ms), stored_times(columns.first_event_ms)
    answered, delivered = ~np.isnan(response), ~np.isnan(first)
    apps = np.fromiter((-1 if app is None else names.apps[app] for app in columns.app), np.int64, size)
    has_id = np.fromiter((value is not None for value in columns.event_id), bool, size)
    ids = np.frombuffer(b"".join([value or bytes(32) for value in columns.event_id]), dtype="V32")
    rows = [
        Column("timestamp", "timestamptz", columns.timestamp),
        *(Column(name, "bigint", columns.integers[name]) for name in ("connection", *INTEGERS[:4])),
        Column("client_no", "integer", client),
        Column("kind", "integer", columns.kind, columns.kind >= 0),
        Column("events_out", "integer", columns.integers["events_out"]),
        Column("response_time_ms", "real", response, answered),
        Column("first_event_ms", "real", first, delivered),
        Column("relay_id", "smallint", relay),
        Column("event_type_id", "smallint", event_type),
        Column("outcome_id", "smallint", outcome),
        Column("error_code_id", "smallint", error),
        Column("app_id", "smallint", apps, apps >= 0),
        Column("event_id", "bytea", ids, has_id),
    ]
    facts = {
        "timestamp": columns.timestamp,
        "relay_id": relay,
        "event_type_id": event_type,
        "client_no": client,
        "kind": np.where(event_type == names.event_types["EVENT"], columns.kind, -1),
        "outcome_id": outcome,
        "error_code_id": error,
        "bin": bins_of(np.where(answered, response, 1).astype(np.float64)),
        "first_bin": bins_of(np.where(delivered, first, 1).astype(np.float64)),
        "first_n": delivered.astype(np.int64),
        "is_event": (event_type == names.event_types["EVENT"]).astype(np.int64),
        "n": np.ones(size, dtype=np.int64),
        "errors": (error != 0).astype(np.int64),
        "unanswered": (outcome == names.outcomes["unanswered"]).astype(np.int64),
        "accepted": (outcome == names.outcomes["ok"]).astype(np.int64),
        "duplicate": (outcome == names.outcomes["duplicate"]).astype(np.int64),
        "rejected": (outcome == names.outcomes["rejected"]).astype(np.int64),
        **{name: columns.integers[name] for name in INTEGERS},
        "rt_n": answered.astype(np.int64),
        "rt_sum": np.where(answered, response, 0).astype(np.float64),
    }
    return rows, Payloads("metadata", metadata), facts


def delivery_rows(records: Sequence[Delivery], relay: Array, names: Names) -> tuple[list[Column], dict[str, Array]]:
    """Columns of `deliveries_raw`, and the facts."""
    size = len(records)

    def integers(name: str) -> Array:
        return np.fromiter((getattr(record, name) for record in records), np.int64, size)

    client = np.fromiter((names.clients[record.client] for record in records), np.int64, size)
    timestamp, carried = integers("timestamp"), {name: integers(name) for name in INTEGERS}
    rows = [
        Column("timestamp", "timestamptz", timestamp),
        Column("connection", "bigint", integers("connection")),
        *(Column(name, "bigint", values) for name, values in carried.items()),
        Column("client_no", "integer", client),
        Column("notices", "integer", integers("notices")),
        Column("relay_id", "smallint", relay),
    ]
    zero = np.zeros(size, dtype=np.int64)
    facts = dict.fromkeys(
        ("event_type_id", "outcome_id", "error_code_id", "bin", "n", "errors", "unanswered", "accepted", "duplicate",
         "rejected", "rt_n", "first_bin", "first_n", "is_event"), zero
    )  # fmt: skip
    facts |= {"timestamp": timestamp, "relay_id": relay, "client_no": client, "kind": zero - 1}
    return rows, facts | carried | {"rt_sum": zero.astype(np.float64)}


def connection_rows(records: Sequence[Connection], relay: Array, names: Names) -> tuple[list[Column], dict[str, Array]]:
    """Columns of `connections_raw`, and the facts."""
    size = len(records)

    def integers(name: str, missing: int = -1) -> Array:
        values = (getattr(record, name) for record in records)
        return np.fromiter((missing if value is None else value for value in values), np.int64, size)

    apps = np.fromiter((-1 if one.app is None else names.apps[one.app] for one in records), np.int64, size)
    code = integers("close_code")
    closed, opened = integers("closed_at"), integers("opened_at")
    client = np.fromiter((names.clients[one.client] for one in records), np.int64, size)
    rows = [
        Column("closed_at", "timestamptz", closed),
        Column("opened_at", "timestamptz", opened),
        *(Column(name, "bigint", integers(name)) for name in ("connection", "bytes_in", "bytes_out")),
        Column("events", "integer", integers("events")),
        Column("client_no", "integer", client),
        Column("relay_id", "smallint", relay),
        Column("app_id", "smallint", apps, apps >= 0),
        Column("close_code", "integer", code, code >= 0),
    ]
    # as SQL rounds them: the recount must find the same milliseconds
    duration = np.maximum(_rounded_milliseconds(closed - opened), 0)
    facts = {
        "timestamp": closed,
        "relay_id": relay,
        "client_no": client,
        "duration_bin": bins_of(duration),
        "n": np.ones(size, dtype=np.int64),
        "duration_ms": duration,
    }
    return rows, facts


def _rounded_milliseconds(microseconds: Array) -> Array:
    """Half away from zero."""
    rounded: Array = np.sign(microseconds) * ((np.abs(microseconds) + 500) // 1000)
    return rounded


def sample_rows(records: Sequence[Sample], relay: Array) -> list[Column]:
    """Columns of `connection_metrics_raw`."""
    size = len(records)

    def column(name: str, kind: str) -> Column:
        values = [getattr(record, name) for record in records]
        present = np.fromiter((value is not None for value in values), bool, size)
        numbers = np.array([value or 0 for value in values], dtype=np.float64 if kind == "real" else np.int64)
        return Column(name, kind, numbers, None if present.all() else present)

    return [
        column("timestamp", "timestamptz"),
        Column("relay_id", "smallint", relay),
        column("worker", "smallint"),
        *(
            column(name, "integer")
            for name in ("active_connections", "peak_connections", "opened", "closed", "events", "pending")
        ),
        *(column(name, "bigint") for name in ("frames_out", "bytes_in", "bytes_out", "dropped")),
        *(column(name, "real") for name in ("cpu_percent", "memory_percent", "disk_percent")),
        *(column(name, "bigint") for name in ("memory_bytes", "disk_bytes")),
    ]
