"""Rules: what is possible is taken, what is not is refused with a sentence; the defaults are all possible."""

from __future__ import annotations

from typing import Any

import pytest

from core.alerts.defaults import DEFAULTS
from core.alerts.measures import MEASURES
from core.alerts.rules import read_rule
from core.exceptions import BadRuleError

POSSIBLE: dict[str, Any] = {"name": "mine", "title": "Mine", "measure": "events_per_second", "threshold": 10}


def test_a_rule_is_what_it_was_when_it_was_kept() -> None:
    for rule in DEFAULTS:
        assert read_rule(rule.model_dump(mode="json")) == rule


def test_defaults_have_names_of_their_own_and_say_what_to_do() -> None:
    assert len({rule.name for rule in DEFAULTS}) == len(DEFAULTS)
    assert all(rule.advice and rule.enabled for rule in DEFAULTS)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "Not A Name"}, "name:"),
        ({"measure": "karma"}, "'karma' is unknown"),
        ({"threshold": float("nan")}, "threshold"),
        ({"window": 5}, "window"),
        ({"window": 7200}, "window"),
        ({"recover": 20}, "good side"),
        ({"direction": "below", "recover": 5}, "good side"),
        ({"condition": "baseline", "threshold": 0}, "above 0"),
        ({"condition": "baseline", "measure": "cpu_percent"}, "no baseline"),
        ({"condition": "baseline", "filters": {"kind": 1}}, "leave out filters"),
        ({"measure": "cpu_percent", "filters": {"client": "a"}}, "cannot be narrowed by client"),
        ({"filters": {"event_type": "SHOUT"}}, "'SHOUT' is unknown"),
        ({"measure": "error_code_rate", "filters": {"error_code": "weather"}}, "'weather' is unknown"),
        ({"filters": {"kind": 1, "client": "a"}}, "kind goes with"),
        ({"filters": {"kind": 1, "event_type": "REQ"}}, "kind goes with"),
        ({"filters": {"colour": "red"}}, "colour"),
        ({"severity": "terrible"}, "severity"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadRuleError, match=sentence):
        read_rule(POSSIBLE | change)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_can_be_watched(measure: str) -> None:
    assert read_rule(POSSIBLE | {"measure": measure}).what.meaning
