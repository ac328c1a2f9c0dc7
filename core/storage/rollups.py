"""The roll-ups, declared: what each counts, by what. Their tables, the writer's deltas, the fold and the recount from
raw rows all follow from these declarations.

A *fact* is a raw event, or a delivery total (event type DELIVERY, n = 0). Every roll-up groups the facts it takes by
time and keys and adds up measures, so that any two parts of it merge by addition, whatever their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from core.storage.latency_bins import BIN_SQL

HOURS_LIVE = timedelta(hours=2)


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
        return f"date_bin('{self.seconds} seconds', {timestamp}, timestamptz '2000-01-01 00:00:00+00')"


@dataclass(frozen=True)
class Rollup:
    """A table `name` and its append-only twin `name_delta`. `keep`: age at which rows are removed; None: never."""

    name: str
    grain: Grain
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    takes: Literal["all", "errors", "answered", "delivered"] = "all"
    keep: timedelta | None = None

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (self.grain.column, *self.keys)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.key_columns, *self.measures)

    @property
    def delta(self) -> str:
        return f"{self.name}_delta"

    def sql_type(self, column: str) -> str:
        return self.grain.sql_type if column == self.grain.column else COLUMN_TYPES[column]


COLUMN_TYPES = {
    "relay_id": "smallint", "event_type_id": "smallint", "outcome_id": "smallint", "error_code_id": "smallint",
    "kind": "integer", "client_no": "integer", "bin": "integer", "first_bin": "integer", "rt_sum": "double precision",
    "n": "bigint", "errors": "bigint", "unanswered": "bigint", "accepted": "bigint", "duplicate": "bigint",
    "rejected": "bigint", "events_out": "bigint", "bytes_in": "bigint", "bytes_out": "bigint", "payload_in": "bigint",
    "payload_out": "bigint", "rt_n": "bigint",
}  # fmt: skip

SECOND = Grain("bucket", 1)
FIVE_SECONDS = Grain("bucket", 5)
MINUTE = Grain("bucket", 60)
HOUR = Grain("bucket", 3600)
DAY = Grain("day", 86_400)

COUNTS = ("n", "errors", "unanswered")
CARRIED = ("events_out", "bytes_in", "bytes_out", "payload_in", "payload_out")
TIMES = ("rt_n", "rt_sum")
CLIENT = ("n", "accepted", "duplicate", "rejected", "errors", "unanswered", *CARRIED, *TIMES)

ROLLUPS: tuple[Rollup, ...] = (
    Rollup("traffic_second", SECOND, ("relay_id", "event_type_id"),
           (*COUNTS, "events_out", "bytes_in", "bytes_out"), keep=HOURS_LIVE),
    Rollup("latency_live", FIVE_SECONDS, ("relay_id", "event_type_id", "bin"), ("n",), "answered", keep=HOURS_LIVE),
    Rollup("traffic_minute", MINUTE, ("relay_id", "event_type_id"), (*COUNTS, *CARRIED, *TIMES)),
    Rollup("traffic_hour", HOUR, ("relay_id", "event_type_id", "kind", "outcome_id"), (*COUNTS, *CARRIED, *TIMES)),
    Rollup("error_hour", HOUR, ("relay_id", "event_type_id", "error_code_id"), ("n",), "errors"),
    Rollup("latency_hour", HOUR, ("relay_id", "event_type_id", "bin"), ("n",), "answered"),
    Rollup("latency_day", DAY, ("relay_id", "event_type_id", "bin"), ("n",), "answered"),
    Rollup("client_day", DAY, ("relay_id", "client_no", "event_type_id"), CLIENT),
    Rollup("client_hour", HOUR, ("relay_id", "client_no", "event_type_id"), CLIENT),
    Rollup("client_error_day", DAY, ("relay_id", "client_no", "error_code_id"), ("n",), "errors"),
    Rollup("first_event_hour", HOUR, ("relay_id", "first_bin"), ("n",), "delivered"),
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
    FROM deliveries_raw d WHERE d."timestamp" >= %(start)s AND d."timestamp" < %(end)s"""  # noqa: S608 (our own expressions)
"""The facts of [start, end) from raw rows: what the roll-ups must add up to."""

TAKES_SQL = {
    "all": "true",
    "errors": "error_code_id <> 0",
    "answered": "bin IS NOT NULL",
    "delivered": "first_bin IS NOT NULL",
}


def create_sql(rollup: Rollup) -> str:
    """DDL of the pair of tables, as the migrations and the declared schema hold it."""
    columns = ",\n".join(f"    {column} {rollup.sql_type(column)} NOT NULL" for column in rollup.columns)
    key = ", ".join(rollup.key_columns)
    # Emptied by every fold: vacuumed by count of dead rows, not by share.
    options = "autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0"
    return (
        f"CREATE TABLE {rollup.name} (\n{columns},\n    PRIMARY KEY ({key})\n);\n"
        f"CREATE TABLE {rollup.delta} (\n{columns}\n) WITH ({options});\n"
    )


def both_sql(rollup: Rollup) -> str:
    """A subquery of the merged rows and the deltas that are not merged yet: exact at every moment, to be summed."""
    columns = ", ".join(rollup.columns)
    return f"SELECT {columns} FROM {rollup.name} UNION ALL SELECT {columns} FROM {rollup.delta}"  # noqa: S608 (our own names)


def total_sql(measure: str) -> str:
    """The sum of a measure, in the measure's own type (SQL sums bigint as numeric)."""
    return f"sum({measure})" if COLUMN_TYPES[measure] == "double precision" else f"sum({measure})::bigint"


def rollup_named(name: str) -> Rollup:
    return next(rollup for rollup in ROLLUPS if rollup.name == name)
