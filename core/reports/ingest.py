"""The ingest report: what became of every record, in exact integers, and what still waits."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd

from core import spools as local
from core.periods import zone_of
from core.reports import ingest_tables as tables
from core.reports.configured import Configured, spool_max_bytes, spools_of
from core.reports.declaration import Meta, Report, Result
from core.reports.query import Rows, read_together
from core.spools import SpoolState
from core.storage.database import Database

SUMS = tuple(column.name for column in tables.FATES)


def run(
    database: Database, now: datetime, time_zone: str = "UTC", spools: Path | Configured | None = "configured"
) -> Result:
    """The ingest report at `now` (an aware datetime), with the spools of a directory of this machine, if it has any.

    Raises DatabaseUnavailableError.
    """
    zone = zone_of(time_zone)
    since = now - tables.RECENTLY
    sources, reasons, recent = read_together(
        database, [("ingest_sources", {}), ("ingest_reasons", {}), ("ingest_recent", {"since": since, "end": now})]
    )
    directory = spools_of(spools, demo=database.demo)
    states = [] if directory is None else local.states(directory)
    by_source = pd.DataFrame(
        [
            dict(zip(("relay", "host", "worker", *SUMS[:6], "runs", "broken_off", "newest_at"), row, strict=True))
            for row in sources
        ],
        columns=tables.SOURCES.column_names,
    )
    by_source["worker"] = by_source["worker"].astype("Int64")
    by_source["newest_at"] = pd.to_datetime(by_source["newest_at"], utc=True).dt.tz_convert(zone)
    newest = by_source["newest_at"].max()
    meta = Meta(
        report="ingest",
        start=since.astimezone(zone),
        end=now.astimezone(zone),
        time_zone=time_zone,
        generated_at=now,
        complete_up_to=None if pd.isna(newest) else newest.to_pydatetime(),
        demo=database.demo,
    )
    return Result(
        meta,
        {
            "summary": _summary(by_source, recent, states, now),
            "sources": by_source,
            "reasons": pd.DataFrame(reasons, columns=tables.REASONS.column_names).astype({"records": "int64"}),
            "spools": _spools(states, now),
        },
    )


def _summary(by_source: pd.DataFrame, recent: Rows, states: list[SpoolState], now: datetime) -> pd.DataFrame:
    dropped, quarantined = recent[0]
    row: dict[str, float] = {name: int(by_source[name].sum()) for name in SUMS}
    row |= {"dropped_recently": dropped, "quarantined_recently": quarantined, **waiting(states, now)}
    return pd.DataFrame([row], columns=tables.SUMMARY.column_names)


def waiting(states: list[SpoolState], now: datetime) -> dict[str, float]:
    """What waits in spools; NaN where there are none: unknown is not zero."""
    if not states:
        return dict.fromkeys(("waiting_records", "waiting_bytes", "spool_share", "waiting_seconds"), float("nan"))
    return {
        "waiting_records": sum(state.records for state in states),
        "waiting_bytes": sum(state.size for state in states),
        "spool_share": max(state.size for state in states) / spool_max_bytes(),
        "waiting_seconds": max(state.age(now).total_seconds() for state in states),
    }


def _spools(states: list[SpoolState], now: datetime) -> pd.DataFrame:
    rows = [(state.name, state.batches, state.records, state.size, state.age(now).total_seconds()) for state in states]
    types = {"spool": "str", "batches": "int64", "records": "int64", "bytes": "int64", "waiting_seconds": "float64"}
    return pd.DataFrame(rows, columns=tables.SPOOLS.column_names).astype(types)


ingest = Report(
    name="ingest",
    title="Ingest",
    meaning="What became of every record that was received, and what still waits for the database",
    tables=tables.TABLES,
    run=run,
)
