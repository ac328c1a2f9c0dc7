"""Who and what made a number change: each part's difference, its share of the whole difference, the largest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Dimension = Literal["app", "client", "event_type", "kind", "error_code", "table", "reason", "tap"]
MOST_PARTS = 5
LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Contribution:
    """`before`, `during`: amounts per second of the time before and of the incident; `share`: of the difference of all
    (1.0: it explains the change alone; parts that moved the other way make others exceed it)."""

    dimension: Dimension
    name: str
    before: float
    during: float
    share: float


Amount = tuple[str, float, float]
"""Name, amount before, amount during."""


def contributions(
    dimension: Dimension, amounts: Iterable[Amount], whole: tuple[float, float], *, falling: bool = False
) -> list[Contribution]:
    """Of `amounts` those that moved the `whole` (before, during) the way it went: at most MOST_PARTS, largest first.

    `falling`: the whole fell, and what fell with it is meant. Nobody explains a whole that did not move that way.
    """
    sign = -1.0 if falling else 1.0
    change = sign * (whole[1] - whole[0])
    if change <= 0:
        return []
    found = [
        Contribution(dimension, name, before, during, sign * (during - before) / change)
        for name, before, during in amounts
    ]
    found.sort(key=lambda each: (-each.share, each.name))
    return [each for each in found if each.share >= LEAST_SHARE][:MOST_PARTS]
