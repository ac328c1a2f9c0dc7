"""Records as columns: what goes into the raw tables, and the facts the roll-ups count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Connection, Delivery, Sample
from core.storage.binary_copy import Column, Payloads
from core.storage.event_columns import INTEGERS, PLACE_OF_OUTCOME, PLACE_OF_TYPE, EventColumns, Places
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


def sample_rows(records: Sequence[Sample], relay: Array, first_worker: int) -> list[Column]:
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
        Column("worker", "smallint", np.array([first_worker + record.worker for record in records], dtype=np.int64)),
        *(
            column(name, "integer")
            for name in (
                "active_connections",
                "peak_connections",
                "opened",
                "closed",
                "events",
                "pending",
                "unreachable",
            )
        ),
        *(column(name, "bigint") for name in ("frames_out", "bytes_in", "bytes_out", "dropped")),
        *(column(name, "real") for name in ("cpu_percent", "memory_percent", "disk_percent")),
        *(column(name, "bigint") for name in ("memory_bytes", "disk_bytes")),
    ]
