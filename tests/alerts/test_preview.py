"""What a rule would have done: the same machine over what is kept, and baselines from weeks of real hours."""

from __future__ import annotations

from datetime import timedelta
from math import nan

import pytest

from core.alerts.history import Past
from core.alerts.judging import Reading
from core.alerts.preview import preview, replayed
from core.alerts.rules import Filters, Rule
from core.storage.database import Database
from core.storage.fold import fold
from tests.alerts.conftest import AROUND, NOW, World, only
from tests.support.records import event, sample

BUSY = Rule(
    name="busy",
    title="Busy",
    measure="events_per_second",
    threshold=2,
    window=60,
    hold=60,
    recover_after=60,
    cooldown=0,
)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def steps(values: str) -> list[Past]:
    """A minute per character: `.` little, `#` much, `?` unknown."""
    known = {".": 0.0, "#": 9.0, "?": nan}
    return [Past(NOW + MINUTE * place, Reading(known[value], 100)) for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "times"),
    [("......", 0), ("..##..", 1), ("#.#.#.#.", 0), ("..##..##..", 2), ("..####", 1), ("..#??#..", 1), ("??????", 0)],
)
def test_the_past_is_judged_as_the_present_is(values: str, times: int) -> None:
    rule = BUSY.model_copy(update={"hold": 120, "recover_after": 60})
    assert len(replayed(rule, steps(values), 7, MINUTE).incidents) == times


def test_it_counts_what_minutes_say(world: World) -> None:
    for hours_ago, rate in ((30, 5), (20, 1), (10, 5)):
        at = NOW - HOUR * hours_ago
        events = [event(at + timedelta(seconds=second)) for second in range(300) for _ in range(rate)]
        world.write(events, [sample(at + timedelta(seconds=second)) for second in range(420)])
    fold(world.database, NOW)
    found = preview(world.database, BUSY, NOW, AROUND.zone)
    hours = [round((NOW - each.opened_at) / HOUR) for each in found.incidents]
    assert hours == [30, 10]
    assert all(each.ended_at is not None for each in found.incidents)


def test_narrowed_rules_are_known_by_the_hour(world: World) -> None:
    rule = BUSY.model_copy(update={"filters": Filters(kind=7), "threshold": 0.05, "hold": 0})
    at = NOW - HOUR * 10
    world.write([event(at + timedelta(seconds=n), event_type="EVENT", kind=7) for n in range(600)])
    world.write([event(at + HOUR * 3)])
    found = preview(world.database, rule, NOW, AROUND.zone)
    assert (len(found.incidents), found.grain) == (1, HOUR)
    assert "Only hours" in found.note


def test_what_is_not_kept_is_said() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    for measure in ("waiting_seconds", "spool_percent"):
        rule = Rule(name="x", title="X", measure=measure, threshold=1)
        assert "cannot be asked" in preview(nowhere, rule, NOW, AROUND.zone).note


def weeks(world: World, number: int, per_hour: int) -> None:
    """The same hour of past weeks, with as many messages."""
    for week in range(1, number + 1):
        at = NOW.replace(minute=0) - timedelta(weeks=week)
        world.write([event(at + timedelta(seconds=n % 3600), f"client {n % 3}") for n in range(per_hour)])
        fold(world.database, at + HOUR * 2)


@pytest.mark.parametrize(("known", "fires"), [(3, False), (6, True)])
def test_a_rule_learns_for_weeks_and_then_knows_what_is_unusual(world: World, known: int, fires: bool) -> None:
    rule = Rule(
        name="much", title="Much", measure="events_per_second", condition="baseline", threshold=5, window=30, hold=10
    )
    weeks(world, known, 360)
    with only(rule):
        world.pass_(60, 2, client="loud", event_type="EVENT", kind=1)
    assert [incident.rule.name for incident in world.incidents] == (["much"] if fires else [])
    if fires:
        (incident,) = world.incidents
        assert incident.limit == pytest.approx(0.1 + 5 * 0.01)
        assert ("client", "loud") in [(part.dimension, part.name) for part in incident.why]
