"""Whether a reading is bad: thresholds with hysteresis, baselines, no data, denominators too small to say anything."""

from __future__ import annotations

from math import inf, nan

import pytest

from core.alerts.baseline import Baseline
from core.alerts.judging import Reading, judge
from core.alerts.rules import Rule

SLOW = Rule(name="slow", title="Slow", measure="response_time_p95", threshold=200, recover=100, minimum=50)
FULL = Rule(name="full", title="Full", measure="disk_full_days", direction="below", threshold=3, recover=5)
UNUSUAL = Rule(name="much", title="Much", measure="events_per_second", condition="baseline", threshold=4, recover=2)
MISSING = Rule(name="none", title="None", measure="events_per_second", condition="no_data")
USUAL = Baseline(centre=100, spread=10, weeks=8)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(201, "bad"), (200, "between"), (150, "between"), (100, "good"), (0, "good"), (nan, "unknown")],
)
def test_a_threshold_above(value: float, verdict: str) -> None:
    assert judge(SLOW, Reading(value, 60)).verdict == verdict


@pytest.mark.parametrize(
    ("value", "verdict"), [(0, "bad"), (2.9, "bad"), (3, "between"), (5, "good"), (inf, "good"), (nan, "unknown")]
)
def test_a_threshold_below(value: float, verdict: str) -> None:
    assert judge(FULL, Reading(value)).verdict == verdict


def test_few_messages_do_not_alarm() -> None:
    judged = judge(SLOW, Reading(10_000, 49))
    assert (judged.verdict, judged.note) == ("good", "49 messages, fewer than 50")
    assert judge(SLOW, Reading(10_000, 50)).verdict == "bad"


@pytest.mark.parametrize(
    ("value", "verdict"), [(141, "bad"), (140, "between"), (121, "between"), (120, "good"), (0, "good")]
)
def test_a_baseline_above(value: float, verdict: str) -> None:
    judged = judge(UNUSUAL, Reading(value, 1000, USUAL, 8))
    assert (judged.verdict, judged.limit) == (verdict, 140)


@pytest.mark.parametrize(("value", "verdict"), [(59, "bad"), (60, "between"), (80, "good"), (500, "good")])
def test_a_baseline_below(value: float, verdict: str) -> None:
    rule = UNUSUAL.model_copy(update={"direction": "below"})
    judged = judge(rule, Reading(value, 1000, USUAL, 8))
    assert (judged.verdict, judged.limit) == (verdict, 60)


def test_a_baseline_says_that_it_is_learning() -> None:
    judged = judge(UNUSUAL, Reading(10_000, 1000, None, 2))
    assert (judged.verdict, judged.note) == ("unknown", "learning: 2 of 4 weeks are known")


@pytest.mark.parametrize(
    ("reading", "verdict"),
    [
        (Reading(3.0, 100), "good"),
        (Reading(0.0, 0), "bad"),
        (Reading(nan, absent=True), "bad"),
        (Reading(nan, note="counting has just begun"), "unknown"),
    ],
)
def test_no_data(reading: Reading, verdict: str) -> None:
    assert judge(MISSING, reading).verdict == verdict
