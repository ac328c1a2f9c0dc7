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
class Fixed:
    """The numbers of the fixed lists, in the order of EVENT_TYPES, OUTCOMES and (None, *ERROR_CODES)."""

    event_types: Array
    outcomes: Array
    error_codes: Array

    @classmethod
    def of(cls, lists: Mapping[str, Mapping[str, int]]) -> Fixed:
        """From the tables of names and numbers. No error has the number 0."""
        return cls(
            np.array([lists["event_types"][name] for name in EVENT_TYPES], dtype=np.int64),
            np.array([lists["outcomes"][name] for name in OUTCOMES], dtype=np.int64),
            np.array([0, *(lists["error_codes"][name] for name in ERROR_CODES)], dtype=np.int64),
        )


Places = dict[str, int]
"""Names and their places in the order in which they were met: a new name gets the next place."""


def places() -> Places:
    return defaultdict(count().__next__)


@dataclass(frozen=True)
class EventColumns:
    """Events of one write, transposed."""

    timestamp: Array
    clients: Places
    client: Array  # place in `clients`
    event_type: Array  # place in EVENT_TYPES
    outcome: Array  # place in OUTCOMES
    error_code: Array  # 0: none, otherwise 1 + place in ERROR_CODES
    response_time_ms: Array
    first_event_ms: Array
    integers: Mapping[str, Array]  # bytes_in, bytes_out, payload_in, payload_out, events_out, connection
    kind: Array  # -1: none
    event_id: Array  # 32 bytes each
    has_id: Array
    apps: Places
    app: Array  # place in `apps`; -1: none


INTEGERS = ("bytes_in", "bytes_out", "payload_in", "payload_out", "events_out")
PLACE_OF_TYPE = {name: place for place, name in enumerate(EVENT_TYPES)}
PLACE_OF_OUTCOME = {name: place for place, name in enumerate(OUTCOMES)}
PLACE_OF_ERROR: dict[str | None, int] = {None: 0} | {name: place + 1 for place, name in enumerate(ERROR_CODES)}
NO_ID = bytes(32)


def transpose(events: Sequence[Event]) -> EventColumns | None:
    """The columns of events, or None when there are none or some event needs cleaning first."""
    if not events:
        return None
    clients, apps = places(), places()
    # A list per field: transposing tuples would cost more, and so do generators and one pass for several fields.
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
        client = np.array([clients[event.client] for event in events], dtype=np.int64)
        event_type = _bytes([PLACE_OF_TYPE[event.event_type] for event in events])
        outcome = _bytes([PLACE_OF_OUTCOME[event.outcome] for event in events])
        error_code = _bytes([PLACE_OF_ERROR[event.error_code] for event in events])
        kind = [event.kind for event in events]
        kinds = np.array([-1 if value is None else value for value in kind], dtype=np.int64)
        response = [event.response_time_ms for event in events]
        first = [event.first_event_ms for event in events]
        responses, firsts = np.array(response, dtype=np.float64), np.array(first, dtype=np.float64)
        app = [event.app for event in events]
        no_apps = app.count(None) == len(app)
        app_places = -np.ones(len(app)) if no_apps else [-1 if name is None else apps[name] for name in app]
        event_id = [event.event_id for event in events]
        ids = b"".join([value or NO_ID for value in event_id])
        has_id = _bytes([value is not None for value in event_id]).astype(bool)
        id_sizes = {len(value) for value in event_id if value is not None}
    except (KeyError, OverflowError, TypeError, ValueError):
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
        and cleaning.all_storable(list(clients), cleaning.LONGEST_CLIENT)
        and cleaning.all_storable(list(apps), cleaning.LONGEST_APP)
        and not cleaning.any_address(list(clients))
        and all(cleaning.app_name(name) == name for name in apps)
        and id_sizes <= {32}
    )
    if not clean:
        return None
    integers["connection"] = connections
    return EventColumns(
        times, clients, client, event_type, outcome, error_code, responses, firsts, integers, kinds,
        np.frombuffer(ids, dtype="V32"), has_id, apps, np.array(app_places, dtype=np.int64),
    )  # fmt: skip


def _bytes(values: list[int]) -> Array:
    return np.frombuffer(bytes(values), dtype=np.uint8)


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
    columns: EventColumns, relay: Array, fixed: Fixed, metadata: Sequence[bytes | None]
) -> tuple[list[Column], Payloads, dict[str, Array]]:
    """Columns of `traffic_events_raw`, and the facts. `relay` holds places, as clients and apps do."""
    size = len(columns.timestamp)
    event_type, outcome = fixed.event_types[columns.event_type], columns.outcome
    error = fixed.error_codes[columns.error_code]
    response, first = stored_times(columns.response_time_ms), stored_times(columns.first_event_ms)
    answered, delivered = ~np.isnan(response), ~np.isnan(first)
    rows = [
        Column("timestamp", "timestamptz", columns.timestamp),
        *(Column(name, "bigint", columns.integers[name]) for name in ("connection", *INTEGERS[:4])),
        Column("client_no", "integer", columns.client, names="clients"),
        Column("kind", "integer", columns.kind, columns.kind >= 0),
        Column("events_out", "integer", columns.integers["events_out"]),
        Column("response_time_ms", "real", response, answered),
        Column("first_event_ms", "real", first, delivered),
        Column("relay_id", "smallint", relay, names="relays"),
        Column("event_type_id", "smallint", event_type),
        Column("outcome_id", "smallint", fixed.outcomes[outcome]),
        Column("error_code_id", "smallint", error),
        Column("app_id", "smallint", columns.app, columns.app >= 0, names="apps"),
        Column("event_id", "bytea", columns.event_id, columns.has_id),
    ]
    is_event = columns.event_type == PLACE_OF_TYPE["EVENT"]
    facts = {
        "timestamp": columns.timestamp,
        "relay_id": relay,
        "event_type_id": event_type,
        "client_no": columns.client,
        "kind": np.where(is_event, columns.kind, -1),
        "outcome_id": fixed.outcomes[outcome],
        "error_code_id": error,
        "bin": _bins_where(answered, response),
        "first_bin": _bins_where(delivered, first),
        "first_n": delivered.astype(np.int64),
        "is_event": is_event.astype(np.int64),
        "n": np.ones(size, dtype=np.int64),
        "errors": (columns.error_code != 0).astype(np.int64),
        "unanswered": (outcome == PLACE_OF_OUTCOME["unanswered"]).astype(np.int64),
        "accepted": (outcome == PLACE_OF_OUTCOME["ok"]).astype(np.int64),
        "duplicate": (outcome == PLACE_OF_OUTCOME["duplicate"]).astype(np.int64),
        "rejected": (outcome == PLACE_OF_OUTCOME["rejected"]).astype(np.int64),
        **{name: columns.integers[name] for name in INTEGERS},
        "rt_n": answered.astype(np.int64),
        "rt_sum": np.where(answered, response, 0).astype(np.float64),
    }
    return rows, Payloads.of("metadata", metadata), facts


def _bins_where(known: Array, times: Array) -> Array:
    bins = np.zeros(len(times), dtype=np.int64)
    bins[known] = bins_of(times[known])
    return bins


def delivery_rows(records: Sequence[Delivery], relay: Array, clients: Places) -> tuple[list[Column], dict[str, Array]]:
    """Columns of `deliveries_raw`, and the facts. New names get places in `clients`."""
    size = len(records)

    def integers(name: str) -> Array:
        return np.fromiter((getattr(record, name) for record in records), np.int64, size)

    client = np.fromiter((clients[record.client] for record in records), np.int64, size)
    timestamp, carried = integers("timestamp"), {name: integers(name) for name in INTEGERS}
    rows = [
        Column("timestamp", "timestamptz", timestamp),
        Column("connection", "bigint", integers("connection")),
        *(Column(name, "bigint", values) for name, values in carried.items()),
        Column("client_no", "integer", client, names="clients"),
        Column("notices", "integer", integers("notices")),
        Column("relay_id", "smallint", relay, names="relays"),
    ]
    zero = np.zeros(size, dtype=np.int64)
    facts = dict.fromkeys(
        ("event_type_id", "outcome_id", "error_code_id", "bin", "n", "errors", "unanswered", "accepted", "duplicate",
         "rejected", "rt_n", "first_bin", "first_n", "is_event"), zero
    )  # fmt: skip
    facts |= {"timestamp": timestamp, "relay_id": relay, "client_no": client, "kind": zero - 1}
    return rows, facts | carried | {"rt_sum": zero.astype(np.float64)}


def connection_rows(
    records: Sequence[Connection], relay: Array, clients: Places, apps: Places
) -> tuple[list[Column], dict[str, Array]]:
    """Columns of `connections_raw`, and the facts: those whose length is known. New names get places in `clients` and
    `apps`."""
    size = len(records)

    def integers(name: str) -> Array:
        values = (getattr(record, name) for record in records)
        return np.fromiter((-1 if value is None else value for value in values), np.int64, size)

    def known(name: str) -> Array | None:
        present = np.fromiter((getattr(record, name) is not None for record in records), bool, size)
        return None if present.all() else present

    app = np.fromiter((-1 if one.app is None else apps[one.app] for one in records), np.int64, size)
    code = integers("close_code")
    closed, opened = integers("closed_at"), integers("opened_at")
    client = np.fromiter((clients[one.client] for one in records), np.int64, size)
    rows = [
        Column("closed_at", "timestamptz", closed),
        Column("opened_at", "timestamptz", opened, known("opened_at")),
        Column("connection", "bigint", integers("connection")),
        *(Column(name, "bigint", integers(name), known(name)) for name in ("bytes_in", "bytes_out")),
        Column("events", "integer", integers("events"), known("events")),
        Column("client_no", "integer", client, names="clients"),
        Column("relay_id", "smallint", relay, names="relays"),
        Column("app_id", "smallint", app, app >= 0, names="apps"),
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
    measured = known("opened_at")
    return rows, facts if measured is None else {name: values[measured] for name, values in facts.items()}


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
        Column("relay_id", "smallint", relay, names="relays"),
        column("worker", "smallint"),
        *(
            column(name, "integer")
            for name in ("active_connections", "peak_connections", "opened", "closed", "events", "pending")
        ),
        *(column(name, "bigint") for name in ("frames_out", "bytes_in", "bytes_out", "dropped")),
        *(column(name, "real") for name in ("cpu_percent", "memory_percent", "disk_percent")),
        *(column(name, "bigint") for name in ("memory_bytes", "disk_bytes")),
    ]
