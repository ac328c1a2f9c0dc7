"""What is due is entered exactly once, through a year of restarts, both nights of the clocks, and clocks that jump."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.schedules import ledger, store
from core.schedules.due import MOST_MISSED, enter_due
from core.schedules.ledger import TASK
from core.schedules.timing import due_between
from core.storage.database import Database
from tests.schedules.conftest import ADMIN, MADE_AT, Make, stored

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe")
YEAR_LATER = datetime(2027, 1, 1, 12, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def jobs(database: Database) -> list[int]:
    """The entries whose jobs wait in the queue."""
    with database.borrow() as connection:
        rows = connection.execute(
            "SELECT (args ->> 'run_id')::bigint FROM procrastinate_jobs WHERE task_name = %s", [TASK]
        ).fetchall()
    return sorted(number for (number,) in rows)


def waiting(database: Database) -> list[int]:
    return sorted(run.run_id for run in ledger.listing(database, limit=10_000) if run.state == "waiting")


def test_a_year_with_both_nights_of_the_clocks_leaves_one_entry_for_each_day_of_each_zone(
    database: Database, schedule: Make
) -> None:
    made = [schedule(name=zone, time_zone=zone, cron="30 2 * * *") for zone in ZONES]
    chance = random.Random(4711)
    now = MADE_AT
    while now < YEAR_LATER:
        now = min(now + chance.choice([DAY, 30 * HOUR, 5 * HOUR, 3 * DAY]) - chance.randrange(3) * HOUR, YEAR_LATER)
        enter_due(database, now)
    for one in made:
        entries = ledger.listing(database, one.schedule_id, limit=1000)
        due = list(due_between("30 2 * * *", one.zone, MADE_AT, YEAR_LATER))
        assert sorted(entry.due_at for entry in entries) == due
        days = sorted(entry.first_day for entry in entries)
        assert days == [days[0] + number * DAY for number in range(365)]
        assert all(entry.state == "waiting" for entry in entries)
    assert jobs(database) == waiting(database)


def test_monthly_reports_cover_each_month_once(database: Database, schedule: Make) -> None:
    made = schedule(cron="0 6 1 * *", covers="last-month", time_zone="Europe/Berlin")
    now = MADE_AT
    while now < YEAR_LATER:
        now += 10 * DAY
        enter_due(database, now)
    found = sorted((run.first_day, run.last_day) for run in ledger.listing(database, made.schedule_id))
    assert [first for first, _ in found] == [date(2026, month, 1) for month in range(1, 13)]
    assert [last.day for _, last in found] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def test_a_period_is_sent_once_however_often_it_is_due(database: Database, schedule: Make) -> None:
    made = schedule(cron="*/5 * * * *", covers="last-week")
    for hours in range(1, 30):
        enter_due(database, MADE_AT + hours * HOUR)
    assert len(ledger.listing(database, made.schedule_id)) == 1


def test_what_was_missed_is_entered_once_and_only_the_newest_are_sent(database: Database, schedule: Make) -> None:
    schedule()
    entered = enter_due(database, MADE_AT + 30 * DAY)
    assert (entered.queued, entered.superseded) == (MOST_MISSED, 30 - MOST_MISSED)
    runs = sorted(ledger.listing(database), key=lambda run: run.due_at)
    assert [run.state for run in runs] == ["superseded"] * (30 - MOST_MISSED) + ["waiting"] * MOST_MISSED
    assert "Missed" in (runs[0].error or "")
    assert enter_due(database, MADE_AT + 30 * DAY + HOUR).queued == 0
    assert jobs(database) == waiting(database)


def test_nothing_older_than_the_schedule_is_due(database: Database, schedule: Make) -> None:
    schedule()
    assert enter_due(database, MADE_AT + 17 * HOUR).queued == 0
    assert enter_due(database, MADE_AT + 18 * HOUR).queued == 1


def test_a_clock_that_is_set_back_enters_nothing_twice(database: Database, schedule: Make) -> None:
    schedule()
    for jump in (2 * DAY, 2 * DAY - HOUR, 2 * DAY - 2 * HOUR, 2 * DAY + MINUTE):
        enter_due(database, MADE_AT + jump)
    assert Counter(run.first_day for run in ledger.listing(database)).most_common(1)[0][1] == 1
    assert len(ledger.listing(database)) == 2


def test_what_a_clock_far_ahead_did_is_done_again_when_it_is_really_due(database: Database, schedule: Make) -> None:
    made = schedule()
    enter_due(database, MADE_AT + DAY)
    enter_due(database, MADE_AT + 40 * DAY)  # a clock that is wrong by more than a month
    now = MADE_AT + DAY
    while now < MADE_AT + 45 * DAY:
        now += 12 * HOUR
        enter_due(database, now)
    runs = ledger.listing(database, made.schedule_id, limit=1000)
    assert Counter(run.first_day for run in runs).most_common(1)[0][1] == 1
    assert len(runs) == 45
    assert all(run.state == "waiting" for run in runs)
    assert all(run.due_at <= MADE_AT + 45 * DAY for run in runs)


def test_workers_that_look_at_the_same_time_enter_nothing_twice(any_database: Database) -> None:
    for number in range(4):
        stored(any_database, name=f"Daily {number}")
    with ThreadPoolExecutor(6) as pool:
        counted = list(pool.map(lambda _: enter_due(any_database, MADE_AT + 3 * DAY).queued, range(12)))
    assert sum(counted) == 12
    assert len(ledger.listing(any_database)) == 12
    assert jobs(any_database) == waiting(any_database)


def test_what_was_due_while_it_was_paused_is_not_sent(database: Database, schedule: Make) -> None:
    made = schedule()
    store.set_active(database, ADMIN, store.OPERATOR, made.schedule_id, False, MADE_AT + HOUR)
    assert enter_due(database, MADE_AT + 3 * DAY).queued == 0
    again = store.set_active(database, ADMIN, store.OPERATOR, made.schedule_id, True, MADE_AT + 3 * DAY)
    assert again.next_due(MADE_AT + 3 * DAY) == datetime(2026, 1, 5, 6, tzinfo=UTC)
    enter_due(database, MADE_AT + 4 * DAY)
    assert [run.first_day for run in ledger.listing(database)] == [date(2026, 1, 4)]


def test_another_time_holds_from_the_change_on(database: Database, schedule: Make) -> None:
    made = schedule()
    enter_due(database, MADE_AT + DAY)
    plan = made.plan.__class__(**{**made.plan.__dict__, "cron": "0 20 * * *", "time_zone": "Europe/Berlin"})
    changed = store.change(database, ADMIN, store.OPERATOR, made.schedule_id, plan, MADE_AT + DAY)
    assert changed.next_due(MADE_AT + DAY) == datetime(2026, 1, 2, 20, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize("state", ["delivered", "failed", "skipped-empty", "superseded"])
def test_what_is_finished_can_be_sent_again_and_has_another_key(
    state: ledger.State, database: Database, schedule: Make
) -> None:
    schedule()
    enter_due(database, MADE_AT + DAY)
    (run,) = ledger.listing(database)
    ledger.finish(database, run.run_id, state, MADE_AT, detail="x", reached=["ann@example.org"])
    again = ledger.send_again(database, ADMIN, store.OPERATOR, run.run_id, MADE_AT + DAY)
    assert (again.state, again.attempts, list(again.reached)) == ("waiting", 0, [])
    assert again.key == f"{run.key}-1"
    assert len(jobs(database)) == 2


def test_what_is_sent_by_hand_is_the_entry_of_its_period(database: Database, schedule: Make) -> None:
    made = schedule()
    by_hand = ledger.send_now(database, ADMIN, store.OPERATOR, made.schedule_id, MADE_AT + DAY - 8 * HOUR)
    assert by_hand.first_day == date(2026, 1, 1)
    assert enter_due(database, MADE_AT + DAY).queued == 0
    assert [run.run_id for run in ledger.listing(database)] == [by_hand.run_id]


def test_an_entry_whose_job_is_gone_fails_and_says_so(database: Database, schedule: Make) -> None:
    schedule()
    enter_due(database, MADE_AT + DAY)
    assert ledger.give_up_stranded(database, MADE_AT + DAY) == 0
    with database.borrow() as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    assert ledger.give_up_stranded(database, MADE_AT + DAY) == 1
    (run,) = ledger.listing(database)
    assert (run.state, run.error) == ("failed", "Its worker ended in the middle of it, repeatedly.")
