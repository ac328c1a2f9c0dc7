"""The state machine: whatever verdicts come in whatever rhythm, incidents open and close in turn, and never flap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.alerts.machine import MOST_ELAPSED, State, Transition, Verdict, elapsed, step
from core.alerts.rules import Rule

RULE = Rule(
    name="slow", title="Slow", measure="response_time_p95", threshold=100, hold=60, recover_after=30, cooldown=120
)
VERDICTS = st.sampled_from(["bad", "between", "good", "unknown"])
ROUNDS = st.lists(st.tuples(VERDICTS, st.floats(0, MOST_ELAPSED)), max_size=80)
RULES = st.builds(
    lambda hold, after, cooldown: RULE.model_copy(
        update={"hold": hold, "recover_after": after, "cooldown": cooldown}
    ),
    st.integers(0, 60), st.integers(0, 60), st.integers(0, 300),
)  # fmt: skip


def run(rule: Rule, rounds: list[tuple[Verdict, float]]) -> list[tuple[float, Transition]]:
    """What happened, with the time of each round counted up."""
    state, at, found = State(), 0.0, []
    for verdict, seconds in rounds:
        at += seconds
        state, transition = step(rule, state, verdict, seconds)
        if transition is not None:
            found.append((at, transition))
    return found


def lasting(verdict: Verdict, seconds: int, every: int = 5) -> list[tuple[Verdict, float]]:
    return [(verdict, float(every))] * (seconds // every)


@given(RULES, ROUNDS)
def test_incidents_open_and_close_in_turn(rule: Rule, rounds: list[tuple[Verdict, float]]) -> None:
    transitions = [transition for _, transition in run(rule, rounds)]
    expected: list[Transition] = ["opened", "recovered"]
    assert transitions == [expected[place % 2] for place in range(len(transitions))]


@given(RULES, ROUNDS)
def test_none_opens_within_the_cool_down_of_the_last(rule: Rule, rounds: list[tuple[Verdict, float]]) -> None:
    happened = run(rule, rounds)
    for (ended, transition), (opened, _) in pairwise(happened):
        if transition == "recovered":
            assert opened - ended >= rule.cooldown - 1e-6


@given(RULES, ROUNDS)
def test_none_opens_before_it_was_bad_for_long_enough(rule: Rule, rounds: list[tuple[Verdict, float]]) -> None:
    state, bad_for = State(), None
    for verdict, seconds in rounds:
        state, transition = step(rule, state, verdict, seconds)
        if verdict == "bad":
            bad_for = 0.0 if bad_for is None else bad_for + seconds
        elif verdict != "unknown":
            bad_for = None
        if transition == "opened":
            assert bad_for is not None
            assert bad_for >= rule.hold
        if transition == "recovered":
            bad_for = None


@given(ROUNDS)
def test_nothing_happens_while_nobody_can_tell(rounds: list[tuple[Verdict, float]]) -> None:
    assert run(RULE, [("unknown", seconds) for _, seconds in rounds]) == []


def test_it_opens_after_its_hold_and_closes_after_it_has_been_good() -> None:
    rounds = lasting("bad", 100) + lasting("good", 60)
    assert run(RULE, rounds) == [(65.0, "opened"), (135.0, "recovered")]


def test_a_hold_of_zero_opens_at_once() -> None:
    assert run(RULE.model_copy(update={"hold": 0}), [("bad", 5.0)]) == [(5.0, "opened")]


def test_one_good_look_begins_the_hold_anew() -> None:
    assert run(RULE, [*lasting("bad", 60), ("good", 5.0), *lasting("bad", 60)]) == []


def test_what_cannot_be_told_for_a_while_is_waited_out() -> None:
    rounds = [*lasting("bad", 40), *lasting("unknown", 600), *lasting("bad", 30)]
    assert [transition for _, transition in run(RULE, rounds)] == ["opened"]


def test_hysteresis_keeps_it_open_between_the_thresholds() -> None:
    assert len(run(RULE, [*lasting("bad", 70), *lasting("between", 600)])) == 1


def test_an_open_incident_outlives_silence() -> None:
    assert len(run(RULE, [*lasting("bad", 70), *lasting("unknown", 3600)])) == 1


def test_it_opens_again_when_the_cool_down_is_over_if_it_was_bad_throughout() -> None:
    rounds = lasting("bad", 70) + lasting("good", 35) + lasting("bad", 300)
    assert run(RULE, rounds) == [(65.0, "opened"), (105.0, "recovered"), (225.0, "opened")]


def test_a_clock_that_jumps_adds_next_to_nothing() -> None:
    now = datetime(2026, 3, 10, tzinfo=UTC)
    assert elapsed(None, now) == 0
    assert elapsed(now, now + timedelta(seconds=5)) == 5
    assert elapsed(now, now - timedelta(hours=1)) == 0
    assert elapsed(now, now + timedelta(hours=1)) == MOST_ELAPSED


@given(st.lists(st.timedeltas(timedelta(hours=-3), timedelta(hours=3)), max_size=30))
def test_no_sequence_of_jumps_opens_what_was_bad_twice_only(jumps: list[timedelta]) -> None:
    rule = RULE.model_copy(update={"hold": 60})
    now = before = datetime(2026, 3, 10, tzinfo=UTC)
    state, _ = step(rule, State(), "bad", 0.0)
    state, _ = step(rule, state, "bad", 5.0)
    for jump in jumps:
        now += jump
        state, transition = step(rule, state, "good", elapsed(before, now))
        before = now
        assert transition is None
