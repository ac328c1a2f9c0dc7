"""When an incident opens and when it is over: a pure state machine, fed with a verdict per round.

It counts *how long* something has lasted and never compares instants, so that a clock that is set back or forward
neither opens an incident nor loses one: a round adds the time since the last one, within `MOST_ELAPSED`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from core.alerts.rules import Rule

Verdict = Literal["bad", "between", "good", "unknown"]
"""`between`: no longer bad, but not past the recovery threshold either. `unknown`: nobody can tell."""
Transition = Literal["opened", "recovered"]

MOST_ELAPSED = 30.0
"""Seconds that one round may add: after a pause or a jump of the clock, what was not looked at does not count."""


@dataclass(frozen=True)
class State:
    """Of one rule. `held`: seconds it has been bad, `clear`: seconds it has been good while open (None: it is not);
    `cooling`: seconds until it may open again."""

    open: bool = False
    held: float | None = None
    clear: float | None = None
    cooling: float = 0.0

    @property
    def phase(self) -> Literal["open", "recovering", "pending", "cooling", "quiet"]:
        """For people."""
        if self.open:
            return "open" if self.clear is None else "recovering"
        if self.held is not None:
            return "pending"
        return "cooling" if self.cooling > 0 else "quiet"


def elapsed(before: datetime | None, now: datetime) -> float:
    """Seconds that a round stands for: none when the clock went back or nothing came before."""
    if before is None:
        return 0.0
    return min(max((now - before).total_seconds(), 0.0), MOST_ELAPSED)


def step(rule: Rule, state: State, verdict: Verdict, seconds: float) -> tuple[State, Transition | None]:
    """The state after a round that stands for `seconds`, and what happened in it.

    An unknown verdict changes nothing: what was pending waits, what is open stays open; but a cool-down goes on.
    """
    if state.open:
        return _while_open(rule, state, verdict, seconds)
    state = replace(state, cooling=max(state.cooling - seconds, 0.0))
    if verdict == "unknown":
        return state, None
    if verdict != "bad":
        return replace(state, held=None), None
    held = 0.0 if state.held is None else state.held + seconds
    if held < rule.hold or state.cooling > 0:
        return replace(state, held=held), None
    return State(open=True), "opened"


def _while_open(rule: Rule, state: State, verdict: Verdict, seconds: float) -> tuple[State, Transition | None]:
    if verdict == "unknown":
        return state, None
    if verdict != "good":
        return replace(state, clear=None), None
    clear = 0.0 if state.clear is None else state.clear + seconds
    if clear < rule.recover_after:
        return replace(state, clear=clear), None
    return State(cooling=float(rule.cooldown)), "recovered"
