"""When work is due: in UTC, so that nothing is skipped or doubled on the days on which clocks change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from procrastinate.periodic import PeriodicDeferrer

from core.jobs.listing import next_time
from core.settings import Settings
from core.storage.database import Database
from ingest.jobs.report import Report
from ingest.jobs.table import PERIODIC
from ingest.jobs.worker import MISSED_SECONDS, make_app


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time zone of the machine."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_on_both_days_of_a_clock_change_each_tick_comes_once(
    day: datetime, database: Database, settings: Settings
) -> None:
    app = make_app(database, settings, PERIODIC, Report(PERIODIC))
    deferrer = PeriodicDeferrer(app.periodic_registry, max_delay=MISSED_SECONDS)
    due: dict[str, list[int]] = {task.name: [] for task in PERIODIC}
    for minute in range(36 * 60):  # from some hours before to some hours after
        at = (day - timedelta(hours=6) + timedelta(minutes=minute)).timestamp()
        for periodic, timestamp in deferrer.get_previous_tasks(at=at):
            if timestamp >= (day - timedelta(hours=6)).timestamp():
                due[periodic.task.name].append(timestamp)
    for task in PERIODIC:
        times = due[task.name]
        assert times == sorted(set(times))
        assert times
        assert task.period is not None
        listed = next_time(task.period, datetime.fromtimestamp(times[0] - 1, UTC))
        assert listed.timestamp() == times[0]
        steps = {later - earlier for earlier, later in pairwise(times)}
        assert len(steps) <= 1


def test_what_was_due_while_no_worker_ran_is_done_once_at_its_start(database: Database, settings: Settings) -> None:
    deferrer = PeriodicDeferrer(
        make_app(database, settings, PERIODIC, Report(PERIODIC)).periodic_registry, max_delay=MISSED_SECONDS
    )
    due = [
        periodic.task.name
        for periodic, _ in deferrer.get_previous_tasks(at=datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
    ]
    assert sorted(due) == sorted(task.name for task in PERIODIC)
