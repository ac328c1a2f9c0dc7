"""Whether a reading is bad by a rule: pure, with the limit it was held against and a word on why nobody can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.alerts.baseline import ENOUGH, Baseline
from core.alerts.machine import Verdict
from core.alerts.rules import Rule


@dataclass(frozen=True)
class Reading:
    """A measure at a moment. NaN: not known. `base`: messages of the window that it is made of (None: of none)."""

    value: float
    base: int | None = None
    usual: Baseline | None = None
    weeks: int = 0
    """Past weeks that are known of it, for a baseline."""
    note: str = ""
    """Why it is not known."""
    absent: bool = False
    """It is not known because nothing came."""


@dataclass(frozen=True)
class Judgement:
    """`limit`: the value from which on it is bad; None where there is none (yet)."""

    verdict: Verdict
    limit: float | None = None
    note: str = ""


def judge(rule: Rule, reading: Reading) -> Judgement:
    """What a round makes of a reading."""
    if rule.condition == "no_data":
        if reading.absent or reading.base == 0:
            return Judgement("bad", None, "nothing came")
        return Judgement("unknown" if math.isnan(reading.value) else "good", None, reading.note)
    sign = 1.0 if rule.direction == "above" else -1.0
    if rule.condition == "threshold":
        bad_at, good_at, limit = sign * rule.threshold, sign * rule.recovers_at, rule.threshold
    elif reading.usual is None:
        return Judgement("unknown", None, reading.note or f"learning: {reading.weeks} of {ENOUGH} weeks are known")
    else:
        limit = reading.usual.limit(sign * rule.threshold)
        bad_at, good_at = sign * limit, sign * reading.usual.limit(sign * rule.recovers_at)
    if math.isnan(reading.value):
        return Judgement("unknown", limit, reading.note or "not known")
    if reading.base is not None and reading.base < rule.minimum:
        return Judgement("good", limit, f"{reading.base} messages, fewer than {rule.minimum}")
    value = sign * reading.value
    return Judgement("bad" if value > bad_at else "good" if value <= good_at else "between", limit)
