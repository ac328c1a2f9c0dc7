"""Many machines store into one database: what each of them says stays apart, and live counts are summed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.records import Batch, Counts
from core.reports import ingest, realtime
from core.settings import Settings
from core.storage import hosts
from core.storage.database import Database
from core.storage.hosts import Host, first_worker, this_host
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event, micros, sample

EAST, WEST = Host("e" * 32, "east"), Host("w" * 32, "west")


def number(database: Database, host: Host) -> int:
    with database.connect(autocommit=True) as connection:
        return first_worker(connection, host)


def test_each_host_has_its_own_numbers_and_keeps_them(database: Database) -> None:
    assert [number(database, host) for host in (EAST, WEST, EAST)] == [0, 64, 0]


def test_hosts_that_come_at_once_do_not_share_a_number(database: Database) -> None:
    many = [Host(f"{n:032}", f"host-{n}") for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda host: number(database, host), many))
    assert sorted(found) == [n * 64 for n in range(8)]


def test_when_all_numbers_are_taken_the_host_that_was_away_for_longest_gives_its_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "MOST_HOSTS", 2)
    number(database, EAST)
    number(database, WEST)
    number(database, EAST)
    assert number(database, Host("n" * 32, "north")) == 64


def test_a_directory_of_data_is_one_host_for_ever(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, host_name="east")
    assert this_host(settings) == this_host(settings)
    assert this_host(settings).name == "east"
    assert this_host(settings.model_copy(update={"data_dir": tmp_path / "other"})).id != this_host(settings).id


def from_tap(host: str, run: int, active: int, received: int, dropped: int = 0) -> Batch:
    """A batch of worker 0 of a host, with an event and a sample."""
    made = batch([event()], samples=[sample(active_connections=active, dropped=dropped)])
    counts = Counts(0, micros(NOON), {"event": received, "sample": 1}, {"spool": {"event": dropped}} if dropped else {})
    return replace(made, source=f"tap:relay:0:{host}{run}", sequence=1, relay="relay", counts=counts)


def test_two_machines_in_front_of_one_relay_are_counted_apart_and_shown_together(database: Database) -> None:
    """Both have a worker 0. Neither is the other's next run, and a drop of one is not one of the other."""
    now = NOON + timedelta(seconds=10)
    for host, active, dropped in ((EAST, 40, 7), (WEST, 2, 0)):
        with BatchWriter(database, host) as writer:
            writer.write([from_tap(host.name, 1, active, received=1 + dropped, dropped=dropped)])
    result = ingest(database, now=now, spools=None)
    rows = result["sources"].set_index("host")
    assert rows["worker"].tolist() == [0, 0]
    assert rows.loc["east", "dropped"] == 7
    assert rows.loc["west", "dropped"] == 0
    assert rows["lost"].sum() == rows["in_flight"].sum() == 0
    assert result["summary"]["dropped_recently"].iloc[0] == 0
    assert realtime(database, now=now)["summary"]["active_connections"].iloc[0] == 42
    workers = database.read("SELECT DISTINCT worker FROM connection_metrics_raw ORDER BY worker")["worker"]
    assert workers.tolist() == [0, 64]


def test_what_is_complete_is_what_the_slower_machine_has_sent(database: Database) -> None:
    late = NOON - timedelta(seconds=30)
    for host, at in ((EAST, NOON), (WEST, late)):
        made = replace(from_tap(host.name, 1, 1, 1), samples=[sample(at)])
        with BatchWriter(database, host) as writer:
            writer.write([made])
    meta = realtime(database, now=NOON + timedelta(seconds=10)).meta
    assert meta.complete_up_to == late + timedelta(seconds=1)
