"""The roll-ups, declared: what each counts, by what. Their tables, the writer's deltas, the fold and the recount from
raw rows all follow from these declarations.

A *fact* is a raw event, a delivery total (event type DELIVERY, n = 0) or an ended connection. Writers add up the facts
of a batch by time and keys into a *delta*, an append-only table; the fold merges each delta into the roll-ups it feeds.
Any two parts of a roll-up merge by addition, whatever their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from core.storage.latency_bins import BIN_SQL

HOURS_LIVE = timedelta(hours=2)
ORIGIN = "timestamptz '2000-01-01 00:00:00+00'"


@dataclass(frozen=True)
class Grain:
    """The time column of a roll-up: buckets of `seconds` in UTC, a timestamptz, or for days a date."""

    column: str
    seconds: int

    @property
    def sql_type(self) -> str:
        return "date" if self.column == "day" else "timestamptz"

    def sql(self, timestamp: str) -> str:
        if self.column == "day":
            return f"({timestamp} AT TIME ZONE 'UTC')::date"
        return f"date_bin('{self.seconds} seconds', {timestamp}, {ORIGIN})"


@dataclass(frozen=True)
class Delta:
    """What writers append: the sums of one batch's facts by time and keys, until the next fold moves them on."""

    name: str
    grain: Grain
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    takes: Literal[
        "all", "events", "errors", "answered", "event_errors", "answered_events", "delivered", "sessions"
    ] = "all"
    packed: bool = False
    """Whether the rows of one batch, time and relay are stored as one row of arrays: where a batch adds many rows, that
    costs a third. The table is then `table`, and `name` a view of its rows."""
    of_clients: bool = False
    """Whether each row also has the first and last time of its facts, and the latency bins of its answered messages."""

    @property
    def table(self) -> str:
        return f"{self.name}_packed" if self.packed else self.name

    @property
    def array_columns(self) -> tuple[str, ...]:
        """The columns that are arrays in a packed delta: all but the time and the relay."""
        return tuple(name for name in self.columns[1:] if name != "relay_id") + (OF_CLIENTS if self.of_clients else ())

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.grain.column, *self.keys, *self.measures)

    def sql_type(self, column: str) -> str:
        if column == self.grain.column:
            return self.grain.sql_type
        if column in OF_CLIENTS:
            return "integer" if column == "bins_upto" else "timestamptz"
        return "integer" if column in COUNTED else COLUMN_TYPES[column]


@dataclass(frozen=True)
class Rollup:
    """A table fed by a delta, by a coarser time or fewer keys. `primary_key`: the order in which rows are looked for;
    `keep`: age at which rows are removed (None: never); `small`: its counts fit 32 bits; `closed`: not fed by the fold,
    but summed from the hours of days that have ended; `sketch`: also has the latency bins of its answered messages."""

    name: str
    delta: Delta
    grain: Grain
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    primary_key: tuple[str, ...] = ()
    keep: timedelta | None = None
    small: bool = False
    closed: bool = False
    sketch: bool = False

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (self.grain.column, *self.keys)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.key_columns, *self.measures)

    @property
    def current(self) -> str:
        """The view that reports read: merged rows, and deltas that are not merged yet."""
        return f"{self.name}_current"

    def sql_type(self, column: str) -> str:
        if column == self.grain.column:
            return self.grain.sql_type
        return "integer" if self.small and column in COUNTED else COLUMN_TYPES[column]


OF_CLIENTS = ("first_at", "last_at", "bins_upto")
"""`bins_upto`: where in the row's array `bins` its own end, of which there are rt_n."""

COUNTED = frozenset({"n", "errors", "unanswered", "accepted", "duplicate", "rejected", "rt_n"})
"""Counts of facts: of one batch, or of one client and hour, they fit 32 bits."""

COLUMN_TYPES = {
    "relay_id": "smallint", "event_type_id": "smallint", "outcome_id": "smallint", "error_code_id": "smallint",
    "kind": "integer", "client_no": "integer", "bin": "integer", "first_bin": "integer", "rt_sum": "double precision",
    "n": "bigint", "errors": "bigint", "unanswered": "bigint", "accepted": "bigint", "duplicate": "bigint",
    "rejected": "bigint", "events_out": "bigint", "bytes_in": "bigint", "bytes_out": "bigint", "payload_in": "bigint",
    "payload_out": "bigint", "rt_n": "bigint", "duration_bin": "integer", "duration_ms": "bigint",
}  # fmt: skip

SECOND = Grain("bucket", 1)
FIVE_SECONDS = Grain("bucket", 5)
MINUTE = Grain("bucket", 60)
HOUR = Grain("bucket", 3600)
DAY = Grain("day", 86_400)

COUNTS = ("n", "errors", "unanswered")
CARRIED = ("events_out", "bytes_in", "bytes_out", "payload_in", "payload_out")
TIMES = ("rt_n", "rt_sum")
MESSAGES = ("n", "accepted", "duplicate", "rejected", "errors", "unanswered", *CARRIED, *TIMES)
OF_KINDS = ("n", "accepted", "duplicate", "rejected", "errors", "unanswered", "bytes_in", "bytes_out", "payload_in",
            "payload_out", *TIMES)  # fmt: skip
"""Of a client's messages of a kind: those that are EVENTs, which nothing is delivered for."""
SESSIONS = ("n", "duration_ms")

TRAFFIC_SECOND = Delta("traffic_second_delta", SECOND, ("relay_id", "event_type_id"), (*COUNTS, *CARRIED, *TIMES))
TRAFFIC_HOUR = Delta("traffic_hour_delta", HOUR, ("relay_id", "event_type_id"), MESSAGES)
KIND = Delta("kind_delta", HOUR, ("relay_id", "kind"), MESSAGES, "events")
LATENCY = Delta("latency_delta", FIVE_SECONDS, ("relay_id", "event_type_id", "bin"), ("n",), "answered", packed=True)
FIRST_EVENT = Delta("first_event_delta", HOUR, ("relay_id", "first_bin"), ("n",), "delivered", packed=True)
ERRORS = Delta(
    "error_delta", HOUR, ("relay_id", "client_no", "event_type_id", "error_code_id"), ("n",), "errors", packed=True
)
CLIENTS = Delta("client_delta", HOUR, ("relay_id", "client_no", "event_type_id"), MESSAGES, packed=True,
                of_clients=True)  # fmt: skip
SESSION = Delta("session_delta", HOUR, ("relay_id", "client_no", "duration_bin"), SESSIONS, "sessions")

# Of EVENT messages by their kind. Not as one more key of the deltas above: all that reads those would read more rows.
KIND_ERRORS = Delta(
    "kind_error_delta", HOUR, ("relay_id", "kind", "error_code_id"), ("n",), "event_errors", packed=True
)
KIND_LATENCY = Delta("kind_latency_delta", HOUR, ("relay_id", "kind", "bin"), ("n",), "answered_events", packed=True)
CLIENT_KIND = Delta("client_kind_delta", HOUR, ("relay_id", "client_no", "kind"), OF_KINDS, "events", packed=True)

DELTAS: tuple[Delta, ...] = (TRAFFIC_SECOND, TRAFFIC_HOUR, KIND, LATENCY, FIRST_EVENT, ERRORS, CLIENTS, SESSION,
                             KIND_ERRORS, KIND_LATENCY, CLIENT_KIND)  # fmt: skip

# A client's rows lie together in the primary key, so that one client's history is one index range; ranges of time over
# all clients are found by a BRIN index.
OF_CLIENT_HOUR = ("client_no", "bucket", "relay_id", "event_type_id")
OF_CLIENT_DAY = ("client_no", "day", "relay_id", "event_type_id")
# A question of kinds is of one kind, but for the kinds of one client: those are looked up kind by kind.
OF_KIND_HOUR = ("kind", "bucket", "relay_id", "bin")
OF_KIND_DAY = ("kind", "day", "relay_id", "bin")

ROLLUPS: tuple[Rollup, ...] = (
    Rollup("traffic_second", TRAFFIC_SECOND, SECOND, ("relay_id", "event_type_id"),
           (*COUNTS, "events_out", "bytes_in", "bytes_out"), keep=HOURS_LIVE),
    Rollup("traffic_minute", TRAFFIC_SECOND, MINUTE, ("relay_id", "event_type_id"), (*COUNTS, *CARRIED, *TIMES)),
    Rollup("traffic_hour", TRAFFIC_HOUR, HOUR, ("relay_id", "event_type_id"), MESSAGES),
    Rollup("traffic_day", TRAFFIC_HOUR, DAY, ("relay_id", "event_type_id"), MESSAGES),
    Rollup("kind_hour", KIND, HOUR, ("relay_id", "kind"), MESSAGES, ("bucket", "kind", "relay_id")),
    Rollup("kind_day", KIND, DAY, ("relay_id", "kind"), MESSAGES, ("day", "kind", "relay_id")),
    Rollup("latency_live", LATENCY, FIVE_SECONDS, ("relay_id", "event_type_id", "bin"), ("n",), keep=HOURS_LIVE),
    Rollup("latency_hour", LATENCY, HOUR, ("relay_id", "event_type_id", "bin"), ("n",)),
    Rollup("first_event_hour", FIRST_EVENT, HOUR, ("relay_id", "first_bin"), ("n",)),
    Rollup("error_hour", ERRORS, HOUR, ("relay_id", "event_type_id", "error_code_id"), ("n",)),
    Rollup("error_day", ERRORS, DAY, ("relay_id", "event_type_id", "error_code_id"), ("n",)),
    Rollup("client_error_hour", ERRORS, HOUR, ("relay_id", "client_no", "error_code_id"), ("n",),
           ("client_no", "bucket", "relay_id", "error_code_id")),
    Rollup("client_error_day", ERRORS, DAY, ("relay_id", "client_no", "error_code_id"), ("n",),
           ("client_no", "day", "relay_id", "error_code_id")),
    Rollup("client_hour", CLIENTS, HOUR, ("relay_id", "client_no", "event_type_id"), MESSAGES, OF_CLIENT_HOUR,
           small=True, sketch=True),
    Rollup("client_day", CLIENTS, DAY, ("relay_id", "client_no", "event_type_id"), MESSAGES, OF_CLIENT_DAY,
           closed=True, sketch=True),
    Rollup("session_hour", SESSION, HOUR, ("relay_id", "duration_bin"), SESSIONS),
    Rollup("session_day", SESSION, DAY, ("relay_id", "duration_bin"), SESSIONS),
    Rollup("client_session_hour", SESSION, HOUR, ("relay_id", "client_no"), SESSIONS,
           ("client_no", "bucket", "relay_id")),
    Rollup("kind_error_hour", KIND_ERRORS, HOUR, ("relay_id", "kind", "error_code_id"), ("n",),
           ("kind", "bucket", "relay_id", "error_code_id")),
    Rollup("kind_latency_hour", KIND_LATENCY, HOUR, ("relay_id", "kind", "bin"), ("n",), OF_KIND_HOUR),
    Rollup("kind_latency_day", KIND_LATENCY, DAY, ("relay_id", "kind", "bin"), ("n",), OF_KIND_DAY),
    Rollup("client_kind_hour", CLIENT_KIND, HOUR, ("relay_id", "client_no", "kind"), OF_KINDS,
           ("kind", "client_no", "bucket", "relay_id"), small=True),
)  # fmt: skip

FACTS_SQL = f"""
    SELECT e."timestamp", e.relay_id, e.event_type_id, e.client_no, e.outcome_id, e.error_code_id,
           CASE WHEN t.name = 'EVENT' THEN coalesce(e.kind, -1) ELSE -1 END AS kind,
           CASE WHEN e.response_time_ms IS NOT NULL THEN {BIN_SQL.format(ms="e.response_time_ms")} END AS bin,
           CASE WHEN e.first_event_ms IS NOT NULL THEN {BIN_SQL.format(ms="e.first_event_ms")} END AS first_bin,
           1 AS n, (e.error_code_id <> 0)::integer AS errors, (o.name = 'unanswered')::integer AS unanswered,
           (o.name = 'ok')::integer AS accepted, (o.name = 'duplicate')::integer AS duplicate,
           (o.name = 'rejected')::integer AS rejected,
           e.events_out::bigint AS events_out, e.bytes_in, e.bytes_out, e.payload_in, e.payload_out,
           (e.response_time_ms IS NOT NULL)::integer AS rt_n, coalesce(e.response_time_ms::float8, 0) AS rt_sum
    FROM traffic_events_raw e JOIN event_types t USING (event_type_id) JOIN outcomes o USING (outcome_id)
    WHERE e."timestamp" >= %(start)s AND e."timestamp" < %(end)s
    UNION ALL
    SELECT d."timestamp", d.relay_id, 0, d.client_no, 0, 0, -1, NULL, NULL, 0, 0, 0, 0, 0, 0,
           d.events_out, d.bytes_in, d.bytes_out, d.payload_in, d.payload_out, 0, 0
    FROM deliveries_raw d WHERE d."timestamp" >= %(start)s AND d."timestamp" < %(end)s"""
"""The facts of [start, end) from raw rows: what the roll-ups must add up to."""

DURATION_SQL = "greatest((extract(epoch FROM c.closed_at - c.opened_at) * 1000)::bigint, 0)"

SESSION_FACTS_SQL = f"""
    SELECT c.closed_at AS "timestamp", c.relay_id, c.client_no, {BIN_SQL.format(ms=DURATION_SQL)} AS duration_bin,
           1 AS n, {DURATION_SQL} AS duration_ms
    FROM connections_raw c WHERE c.closed_at >= %(start)s AND c.closed_at < %(end)s AND c.opened_at IS NOT NULL"""
"""The connections that ended in [start, end), likewise; those whose length is known."""

OF_EVENT = "event_type_id = (SELECT event_type_id FROM event_types WHERE name = 'EVENT')"

TAKES_SQL = {
    "all": "true",
    "events": OF_EVENT,
    "errors": "error_code_id <> 0",
    "answered": "bin IS NOT NULL",
    "event_errors": f"error_code_id <> 0 AND {OF_EVENT}",
    "answered_events": f"bin IS NOT NULL AND {OF_EVENT}",
    "delivered": "first_bin IS NOT NULL",
    "sessions": "true",
}

CLOSED_MARK = "client_days_built_before"
OPEN_FROM = (
    f"SELECT (value #>> '{{}}')::date::timestamp AT TIME ZONE 'UTC' FROM settings_store WHERE name = '{CLOSED_MARK}'"
)
"""When the first UTC day begins that client_day does not hold yet."""

# Emptied by every fold: vacuumed by count of dead rows, not by share.
DELTA_OPTIONS = "autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0"
PACKED_OPTIONS = "toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0"


SKETCH = (
    "    last_at timestamptz NOT NULL,\n    bins smallint[],\n    packed_bins smallint[],\n    packed_counts integer[],"
)


def create_sql(rollup: Rollup) -> str:
    """DDL of a roll-up, as the declared schema holds it."""
    columns = [f"    {column} {rollup.sql_type(column)} NOT NULL," for column in rollup.columns]
    sketch = [SKETCH] if rollup.sketch else []
    key = ", ".join(primary_key(rollup))
    return "\n".join([f"CREATE TABLE {rollup.name} (", *columns, *sketch, f"    PRIMARY KEY ({key})", ");\n"])


def create_delta_sql(delta: Delta) -> str:
    """DDL of a delta, as the declared schema holds it."""
    arrays = delta.array_columns if delta.packed else ()
    columns = [f"    {name} {delta.sql_type(name)} NOT NULL" for name in delta.columns if name not in arrays]
    columns += [f"    {name} {delta.sql_type(name)}[] NOT NULL" for name in arrays]
    if delta.of_clients:
        arrays = (*arrays, "bins")
        columns.append("    bins smallint[] NOT NULL")
    options = DELTA_OPTIONS + (f", {PACKED_OPTIONS}" if delta.packed else "")
    made = f"CREATE TABLE {delta.table} (\n" + ",\n".join(columns) + f"\n) WITH ({options});\n"
    if not delta.packed:
        return made
    # Compressing what lives for seconds would cost more than all the rest.
    external = ", ".join(f"ALTER {name} SET STORAGE EXTERNAL" for name in arrays)
    return made + f"ALTER TABLE {delta.table} {external};\nCREATE VIEW {delta.name} AS\n{unpacked_sql(delta)};\n"


def unpacked_sql(delta: Delta, source: str | None = None) -> str:
    """The rows of a packed delta's table, or of a query of that name with its columns."""
    # Functions in the SELECT list run in step, and cost a third of unnest() with several arrays in FROM.
    rows = ", ".join(f"unnest({name}) AS {name}" for name in delta.array_columns)
    columns = f"{delta.grain.column}, relay_id, {rows}"
    if not delta.of_clients:
        return f"SELECT {columns} FROM {source or delta.table}"
    names = ", ".join((*delta.columns, "first_at", "last_at"))
    return f"""SELECT {names}, CASE WHEN rt_n > 0 THEN bins[bins_upto - rt_n + 1 : bins_upto] END AS bins
FROM (SELECT bins, {columns} FROM {source or delta.table}) AS rows"""


def create_view_sql(rollup: Rollup) -> str:
    """DDL of the view of a roll-up as it is now, as the declared schema holds it."""
    parts = [
        f"SELECT {', '.join(rollup.columns)} FROM {rollup.name}",
        f"SELECT {', '.join(_of_delta(rollup))} FROM {rollup.delta.name}",
    ]
    if rollup.closed:
        columns = ", ".join(_of_finer(rollup, rollup_named("client_hour")))
        parts.append(f"SELECT {columns} FROM client_hour WHERE bucket >= ({OPEN_FROM})")
    return f"CREATE VIEW {rollup.current} AS\n" + "\nUNION ALL ".join(parts) + ";\n"


def primary_key(rollup: Rollup) -> tuple[str, ...]:
    return rollup.primary_key or rollup.key_columns


def bucket_of(rollup: Rollup, finer: Delta | Rollup) -> str:
    """The roll-up's time column from that of a finer table."""
    return finer.grain.column if finer.grain == rollup.grain else rollup.grain.sql(finer.grain.column)


def total_sql(measure: str) -> str:
    """The sum of a measure, in the measure's own type (SQL sums bigint as numeric)."""
    return f"sum({measure})" if COLUMN_TYPES[measure] == "double precision" else f"sum({measure})::bigint"


def rollup_named(name: str) -> Rollup:
    return next(rollup for rollup in ROLLUPS if rollup.name == name)


def _of_delta(rollup: Rollup) -> list[str]:
    return _of_finer(rollup, rollup.delta)


def _of_finer(rollup: Rollup, finer: Delta | Rollup) -> list[str]:
    """A finer table's columns as the roll-up has them: of the same types, or a view of both would be read whole."""
    bucket = bucket_of(rollup, finer)
    columns = [bucket if bucket == rollup.grain.column else f"{bucket} AS {rollup.grain.column}"]
    for column in rollup.columns[1:]:
        same = rollup.sql_type(column) == finer.sql_type(column)
        columns.append(column if same else f"{column}::{rollup.sql_type(column)} AS {column}")
    return columns
