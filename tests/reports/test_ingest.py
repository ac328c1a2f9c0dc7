"""The ingest report: what became of every record, over restarts, and what waits on this machine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from core.records import Batch, Counts
from core.reports import ingest
from core.reports.ingest_advice import advice
from core.storage.database import Database
from core.storage.writer import BatchWriter
from ingest.spool import Spool
from tests.support.records import NOON, batch, event, micros, sample

LATER = NOON + timedelta(minutes=10)


def of_run(run: str, sequence: int, received: int, *, dropped: int = 0, ended: bool = False, worker: int = 0) -> Batch:
    """One event of a run that has received so many."""
    made = batch([event()], source=f"tap:relay.example:{worker}:{run}", sequence=sequence)
    made.made_at = micros(NOON) + sequence
    made.counts = Counts(worker, micros(NOON), {"event": received}, {"spool": {"event": dropped}}, ended)
    return made


def store(database: Database, *batches: Batch) -> None:
    with BatchWriter(database) as writer:
        for one in batches:
            writer.write([one])


def report(database: Database, spools: Path | None = None) -> Any:
    return ingest(database, now=LATER, time_zone="Europe/Berlin", spools=spools)


def summary(database: Database, spools: Path | None = None) -> dict[str, Any]:
    row: dict[str, Any] = report(database, spools)["summary"].iloc[0].to_dict()
    total = row["stored"] + row["quarantined"] + row["dropped"] + row["in_flight"] + row["lost"]
    assert row["received"] == total
    return row


def test_without_records_everything_is_zero_and_spools_are_unknown(database: Database, tmp_path: Path) -> None:
    row = summary(database, tmp_path)
    assert row["received"] == row["dropped_recently"] == 0
    assert row["waiting_records"] != row["waiting_records"]  # unknown is not zero
    assert report(database)["sources"].empty


def test_restarts_keep_counting_and_a_killed_run_is_seen(any_database: Database) -> None:
    store(
        any_database,
        of_run("first", 1, 1), of_run("first", 2, 2, ended=True),
        of_run("second", 1, 1), of_run("second", 3, 5, dropped=1),  # its second batch was lost with its spool
        of_run("third", 1, 1), of_run("third", 3, 3),  # its second batch is still on its way
        of_run("other", 1, 1, worker=1),
    )  # fmt: skip
    row = summary(any_database)
    assert (row["received"], row["stored"], row["dropped"], row["in_flight"], row["lost"]) == (11, 7, 1, 1, 2)
    assert row["broken_off"] == 1
    sources = report(any_database)["sources"]
    assert sources[["worker", "received", "runs"]].to_numpy().tolist() == [[0, 10, 3], [1, 1, 1]]
    assert str(sources["newest_at"].dt.tz) == "Europe/Berlin"


def test_reasons_are_named(database: Database) -> None:
    refused = batch([event(outcome="none of ours"), event(kind=70_000)], source="import:x")
    store(database, refused, of_run("first", 1, 4, dropped=3))
    rows = report(database)["reasons"].to_numpy().tolist()
    assert ["dropped", "spool", 3] in rows
    assert ["quarantined", "outcome is unknown", 1] in rows
    assert ["stored in part", "kind cannot be stored", 1] in rows


def test_what_was_dropped_within_the_hour_follows_the_samples_over_a_restart(database: Database) -> None:
    counts = [(70, 900), (50, 100), (40, 104), (30, 2), (20, 5)]  # minutes before NOON + 10, dropped since the start
    samples = [sample(LATER - timedelta(minutes=minutes), dropped=dropped) for minutes, dropped in counts]
    store(database, batch(samples=samples))
    assert summary(database)["dropped_recently"] == 4 + 2 + 3


def test_what_waits_on_this_machine_is_part_of_it(database: Database, tmp_path: Path) -> None:
    waiting = batch([event(), event()])
    waiting.made_at = micros(NOON)
    with Spool(tmp_path / "tap-0.spool", 1 << 24) as spool:
        spool.append(waiting)
        row = summary(database, tmp_path)
    assert (row["waiting_records"], row["waiting_seconds"]) == (2, 600.0)
    assert row["waiting_bytes"] > 0
    assert report(database, tmp_path)["spools"].iloc[0].to_dict()["spool"] == "tap-0"


def test_advice_says_what_is_wrong_and_what_to_do() -> None:
    fine = dict.fromkeys(("received", "stored"), 1000.0) | dict.fromkeys(
        ("quarantined", "dropped", "in_flight", "lost", "broken_off", "dropped_recently", "quarantined_recently",
         "waiting_records", "waiting_bytes", "spool_share", "waiting_seconds"), 0.0,
    )  # fmt: skip
    assert [one.grave for one in advice(fine)] == []
    assert advice(fine | {"waiting_seconds": float("nan"), "spool_share": float("nan")}) == []
    (dropped,) = advice(fine | {"dropped_recently": 12})
    assert dropped.grave
    assert "12 records" in dropped.what
    assert "SPOOL_MAX_BYTES" in dropped.do
    (late,) = advice(fine | {"waiting_seconds": 90, "waiting_records": 5000})
    assert not late.grave
    assert "5,000 records" in late.what
    (full,) = advice(fine | {"waiting_seconds": 900, "spool_share": 0.85, "waiting_records": 5000})
    assert full.grave
    assert "85" in full.what
    assert len(advice(fine | {"quarantined_recently": 3, "lost": 4})) == 2
