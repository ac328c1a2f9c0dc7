"""What TimescaleDB adds where it is installed: the raw tables as hypertables, compressed after some days.

Roll-ups, reports and retention are the same on both kinds of server.
"""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import Any, cast

import psycopg
from psycopg import sql

from core.storage.connections import Database

logger = logging.getLogger(__name__)

TIME_COLUMNS = {
    "traffic_events_raw": "timestamp",
    "deliveries_raw": "timestamp",
    "connections_raw": "closed_at",
    "connection_metrics_raw": "timestamp",
}
"""The raw tables and the column that files a row under its day."""

COMPRESS_AFTER = "3 days"
PARTITION_CLAUSE = re.compile(r"\) PARTITION BY RANGE \(\w+\);")


def switch_on(database: Database) -> bool:
    """Create the extension where the server has it and lets us; whether the database has it now."""
    try:
        # A connection of its own: a server that does not preload the library ends the one that asks.
        with database.connect(autocommit=True) as connection:
            offered = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
            if offered.fetchone() is None:
                return False
            connection.execute("SET client_min_messages = error")
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except psycopg.Error as error:
        logger.warning("TimescaleDB is installed but cannot be used, native partitions instead: %s", error)
        return False
    return True


def without_partitioning(statements: str) -> str:
    """The schema for hypertables: plain tables, which `apply` converts."""
    return PARTITION_CLAUSE.sub(");", statements)


def apply(connection: psycopg.Connection[Any]) -> None:
    """Make the raw tables hypertables of one-day chunks, compressed later. Safe to repeat."""
    for table, column in TIME_COLUMNS.items():
        connection.execute(
            "SELECT create_hypertable(%s::regclass, by_range(%s, INTERVAL '1 day'),"
            " create_default_indexes => false, if_not_exists => true)",
            [table, column],
        )
        _compress(connection, table, column)


def drop_before(connection: psycopg.Connection[Any], table: str, when: datetime) -> int:
    """Drop the chunks that end at or before `when`; returns how many."""
    return len(connection.execute("SELECT drop_chunks(%s::regclass, older_than => %s)", [table, when]).fetchall())


def chunks(connection: psycopg.Connection[Any], table: str, when: datetime) -> list[tuple[str, str, int]]:
    """The chunks that end at or before `when`: schema, name and bytes, with indexes and what is compressed."""
    rows = connection.execute(
        "SELECT chunk_schema, chunk_name, total_bytes FROM chunks_detailed_size(%(table)s::regclass)"
        " JOIN timescaledb_information.chunks USING (chunk_schema, chunk_name)"
        " WHERE range_end <= %(when)s ORDER BY range_end",
        {"table": table, "when": when},
    )
    return [(schema, name, int(size or 0)) for schema, name, size in rows.fetchall()]


def _compress(connection: psycopg.Connection[Any], table: str, column: str) -> None:
    settings = "timescaledb.compress, timescaledb.compress_orderby = {}"
    try:
        with connection.transaction():
            enabled = connection.execute(
                "SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_name = %s",
                [table],
            ).fetchone()
            if not (enabled and enabled[0]):
                statement = sql.SQL(cast("Any", f"ALTER TABLE {{}} SET ({settings})"))
                connection.execute(statement.format(sql.Identifier(table), sql.Literal(f'"{column}"')))
            connection.execute(
                "SELECT add_compression_policy(%s::regclass, %s::interval, if_not_exists => true)",
                [table, COMPRESS_AFTER],
            )
    except psycopg.errors.FeatureNotSupported as error:
        logger.warning("This edition of TimescaleDB does not compress: %s", error)
