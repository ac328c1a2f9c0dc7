"""Response times of each client: the latency bins of its answered messages, kept in its rows of client_hour and
client_day.

A row holds one element of `bins` per message; past PACK_ABOVE elements they are packed into distinct `packed_bins`
with their `packed_counts`. Of a client of whom one fold brings as many, they are appended packed. Appending to an array
costs a merge next to nothing, and most clients' rows stay short: a row per client, time and bin would cost 66 bytes an
event where most clients send little.
"""

from __future__ import annotations

from core.storage.rollups import OPEN_FROM, Rollup

PACK_ABOVE = 1000

COLUMNS = "bins, packed_bins, packed_counts"
SIZE = "greatest(cardinality(bins), cardinality(packed_bins) / 2)"
"""How long a row is. Packed bins may come several times, as they were appended, up to twice as many as PACK_ABOVE:
times from a microsecond to a day fall into 1,700 distinct ones."""

KEYS = {
    "client_hour": "client_no, bucket, relay_id, event_type_id",
    "client_day": "client_no, day, relay_id, event_type_id",
}


def unnested_sql(source: str, *columns: str) -> str:
    """One row (columns, bin, n) per bin of the rows of `source`, to be summed."""
    kept = ", ".join(f"s.{column}" for column in columns)
    return f"""SELECT {kept}, b.bin, 1 AS n FROM {source} s, unnest(s.bins) AS b (bin)
UNION ALL SELECT {kept}, b.bin, b.n FROM {source} s, unnest(s.packed_bins, s.packed_counts) AS b (bin, n)"""


def appended_sql(table: str) -> str:
    """The columns of bins, set to those of a row and of one that is merged into it."""
    return ", ".join(f"{column} = {table}.{column} || excluded.{column}" for column in COLUMNS.split(", "))


def pack_sql(table: str) -> str:
    """Pack the rows of client_hour or client_day whose keys are given as the JSON array of objects `keys`."""
    keys = KEYS[table]
    same = " AND ".join(f"t.{key} = packed.{key}" for key in keys.split(", "))
    return f"""
        WITH long AS (
            SELECT t.* FROM {table} t JOIN jsonb_populate_recordset(NULL::{table}, %(keys)s) k USING ({keys})
        ), packed AS (
            SELECT {keys}, array_agg(bin ORDER BY bin) AS bins, array_agg(n ORDER BY bin) AS counts
            FROM (SELECT {keys}, bin, sum(n)::integer AS n FROM ({unnested_sql("long", *keys.split(", "))}) each
                  GROUP BY {keys}, bin) summed
            GROUP BY {keys}
        )
        UPDATE {table} t SET bins = NULL, packed_bins = packed.bins, packed_counts = packed.counts
        FROM packed WHERE {same}"""


def long_rows_sql(merged: str, table: str) -> str:
    """The keys of rows that have grown too long among those that a statement `merged` returned, or null."""
    named = ", ".join(f"'{key}', {key}" for key in KEYS[table].split(", "))
    return f"(SELECT jsonb_agg(jsonb_build_object({named})) FROM {merged} WHERE size > {PACK_ABOVE})"


def view_sql(rollup: Rollup) -> str:
    """DDL of the view of a roll-up's bins as they are now, as the declared schema holds it."""
    bucket = rollup.grain.column
    others = ("relay_id", "event_type_id")
    parts = [unnested_sql(rollup.name, "client_no", bucket, *others)]
    if rollup.closed:
        open_hours = f"(SELECT {rollup.grain.sql('bucket')} AS day, * FROM client_hour WHERE bucket >= ({OPEN_FROM}))"
        parts.append(unnested_sql(open_hours, "client_no", bucket, *others))
    start = "bucket" if bucket == "bucket" else f"{rollup.grain.sql('bucket')} AS {bucket}"
    parts.append(
        f"SELECT client_no, {start}, {', '.join(others)}, b.bin, 1 AS n FROM client_delta, unnest(bins) AS b (bin)"
    )
    return f"CREATE VIEW {rollup.name}_latency AS\n" + "\nUNION ALL ".join(parts) + ";\n"
