"""Looks at real rows: which incidents open and close, and why; once however many workers look and the clock jumps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from math import isnan

import pytest

from core import annotations as charted
from core.alerts import store, wording
from core.alerts.causes import causes
from core.alerts.defaults import DEFAULTS
from core.alerts.judging import Reading
from core.alerts.readings import gather
from core.alerts.rules import Filters, Rule
from core.alerts.surroundings import Surroundings
from core.alerts.usual import Usual
from core.records import Counts, Waiting
from core.settings import Settings
from core.storage.database import Database
from core.storage.fold import fold
from tests.alerts.conftest import AROUND, NOW, World, default, only
from tests.support.records import event, micros, sample

ERRORS = Rule(
    name="errors", title="Errors", measure="error_share", threshold=20, recover=10, window=60, hold=10,
    recover_after=10, cooldown=60, minimum=20,
)  # fmt: skip


def opened(world: World) -> list[str]:
    return [incident.rule.name for incident in world.incidents]


def test_a_quiet_relay_opens_nothing(world: World) -> None:
    world.pass_(60, 5)
    assert opened(world) == []
    standings = store.standings(world.database)
    assert standings["errors"].value == 0
    assert standings["much-traffic"].note == "learning: 0 of 4 weeks are known"


def test_an_incident_opens_tells_its_worst_value_and_closes(world: World) -> None:
    with only(ERRORS):
        world.pass_(30, 10)
        world.pass_(60, 10, outcome="rejected", error_code="blocked")
        (incident,) = world.incidents
        assert incident.open
        assert incident.rule == ERRORS
        world.pass_(120, 10)
        (incident,) = world.incidents
    assert incident.ended_how == "recovered"
    assert incident.worst_value is not None
    assert incident.last_value is not None
    assert incident.worst_value > 60 > 10 >= incident.last_value
    values = store.seen(world.database, incident.incident_id)
    assert len(values) >= 8
    assert max(each.value or 0 for each in values) <= incident.worst_value
    assert {each.limit for each in values} == {20}
    (drawn,) = charted.listing(world.database, NOW, world.now, ["alert"])
    assert (drawn.at, drawn.until, drawn.text) == (incident.opened_at, incident.ended_at, "Errors (warning)")


def test_it_says_who_and_what_made_the_change(world: World) -> None:
    with only(ERRORS):
        world.pass_(60, 10, client="steady")
        world.pass_(40, 10, client="loud", event_type="EVENT", kind=21000, outcome="rejected", error_code="blocked",
                    app="trystero")  # fmt: skip
    (incident,) = world.incidents
    first: dict[str, tuple[str, float]] = {}
    for part in incident.why:
        first.setdefault(part.dimension, (part.name, round(part.share, 2)))
    assert first == {
        "app": ("trystero", 1.0), "client": ("loud", 1.0), "kind": ("21000", 1.0), "event_type": ("EVENT", 1.0),
        "error_code": ("blocked", 1.0),
    }  # fmt: skip


def test_the_folding_of_rows_changes_no_reading(world: World) -> None:
    world.pass_(30, 10, outcome="rejected", error_code="error", event_type="EVENT", kind=1, response_time_ms=50.0)

    def read() -> dict[str, Reading]:
        gathered = gather(world.database, DEFAULTS, {}, world.now, AROUND, Usual(AROUND.zone))
        return {name: reading for name, reading in gathered.readings.items() if not isnan(reading.value)}

    before = read()
    assert {"errors", "slow", "answers-stopped", "unanswered", "cpu"} - set(before) == {"unanswered", "cpu"}
    fold(world.database, world.now)
    assert read() == before


def test_two_workers_never_open_an_incident_twice(database: Database) -> None:
    workers = [World(database), World(database)]
    with only(ERRORS.model_copy(update={"hold": 0})), ThreadPoolExecutor(2) as threads:
        workers[0].pass_(5, 50, outcome="rejected", error_code="blocked")
        for _ in range(20):
            for world in workers:
                world.now += timedelta(seconds=3)
            rounds = list(threads.map(lambda world: world.look(), workers))
            assert sum(each.looked for each in rounds) >= 1
            assert sum(len(each.opened) for each in rounds) <= 1
    assert len(workers[0].incidents) == 1


def test_a_look_right_after_another_is_left_out(world: World) -> None:
    assert world.look().looked
    world.now += timedelta(seconds=1)
    assert not world.look().looked
    world.now += timedelta(seconds=2)
    assert world.look().looked


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=400), timedelta(days=-400)])
def test_a_clock_that_jumps_opens_nothing(world: World, jump: timedelta) -> None:
    world.pass_(60, 10)
    world.now += jump
    world.pass_(60, 10)
    assert opened(world) == []


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_jumps_loses_no_incident(world: World, jump: timedelta) -> None:
    with only(ERRORS):
        world.pass_(60, 20, outcome="rejected", error_code="blocked")
        world.now += jump
        world.pass_(30, 20, outcome="rejected", error_code="blocked")
        assert [incident.open for incident in world.incidents] == [True]
        world.pass_(180, 20)
        (incident,) = world.incidents
        assert incident.ended_at is not None
        assert incident.ended_at >= incident.opened_at


def test_seconds_that_come_twice_do_not_double_a_rate(world: World) -> None:
    rule = Rule(name="rate", title="Rate", measure="events_per_second", threshold=15, window=60, hold=0)
    with only(rule):
        world.pass_(120, 10)
        world.now -= timedelta(seconds=60)
        world.pass_(60, 10)
        assert store.standings(world.database)["rate"].value == 10
    assert opened(world) == []


def test_what_waits_is_told_before_it_has_a_row(world: World) -> None:
    waiting = [Waiting("EVENT", 900, "loud", "trystero", 21000), Waiting("REQ", 100, "other", "Damus")]
    world.pass_(30, 100)
    for _ in range(3):
        world.pass_(5, 0, sample_events=100, sample_pending=1000, sample_waiting=waiting)
    (incident,) = [each for each in world.incidents if each.rule.name == "answers-stopped"]
    assert [(part.dimension, part.name, part.share) for part in incident.why if part.share > 0.5] == [
        ("app", "trystero", 0.9), ("client", "loud", 0.9), ("kind", "21000", 0.9), ("event_type", "EVENT", 0.9)
    ]  # fmt: skip
    assert wording.headline(incident) == "Answers have stopped: app trystero, client loud, kind 21000"


@pytest.mark.parametrize("rule", DEFAULTS, ids=lambda rule: rule.name)
def test_every_rule_can_be_explained_where_nothing_ever_was(rule: Rule, world: World) -> None:
    assert causes(world.database, rule, 10.0, world.now, world.now, AROUND) == []


def test_a_rule_that_is_switched_off_ends_its_incident(world: World) -> None:
    with only(ERRORS):
        world.pass_(60, 10, outcome="rejected", error_code="blocked")
    with only(ERRORS.model_copy(update={"enabled": False})):
        world.pass_(5)
    (incident,) = world.incidents
    assert incident.ended_how == "switched off"
    assert "errors" not in store.standings(world.database)


@pytest.mark.parametrize(
    ("filters", "rate"),
    [
        ({"kind": 7}, 3), ({"client": "one"}, 5), ({"event_type": "EVENT"}, 3),
        ({"client": "one", "event_type": "REQ"}, 2),
    ],
)  # fmt: skip
def test_a_rule_can_be_narrowed(world: World, filters: dict[str, object], rate: int) -> None:
    rule = Rule(
        name="one",
        title="One",
        measure="events_per_second",
        threshold=100,
        window=30,
        filters=Filters(**filters),
    )
    with only(rule):
        for _ in range(10):
            world.now += timedelta(seconds=5)
            for n in range(5):
                at = world.now - timedelta(seconds=n + 1)
                world.write([event(at, "one", event_type="EVENT", kind=7) for _ in range(3)])
                world.write([event(at, "one") for _ in range(2)], [sample(at)])
            world.look()
            fold(world.database, world.now)
        assert store.standings(world.database)["one"].value == pytest.approx(rate, rel=0.01)


def test_a_tap_that_says_nothing_more_is_told_of(world: World) -> None:
    running = Counts(0, micros(NOW), {"event": 0})
    with only(default("tap-silent")):
        world.write(counts=running)
        for _ in range(7):
            world.now += timedelta(seconds=5)
            world.look()
        (incident,) = world.incidents
        assert [part.name for part in incident.why] == ["relay.example, worker 0"]
        ended = Counts(0, micros(NOW), {"event": 0}, {}, True)
        world.write(counts=ended)
        for _ in range(4):
            world.now += timedelta(seconds=5)
            world.look()
    assert [each.ended_how for each in world.incidents] == ["recovered"]


def test_surroundings_are_those_of_the_settings() -> None:
    made = Surroundings.of(Settings(_env_file=None, tap_answer_timeout=7, time_zone="Europe/Berlin"))
    assert (made.answer_timeout, str(made.zone)) == (7, "Europe/Berlin")
