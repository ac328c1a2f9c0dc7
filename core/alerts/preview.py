"""What a rule would have done in the past days: the same judging and the same state machine, over what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.alerts.history import Past, grain_of, has_past, past
from core.alerts.judging import judge
from core.alerts.machine import State, step
from core.alerts.rules import Rule
from core.storage.database import Database

DAYS = 7


@dataclass(frozen=True)
class Would:
    """An incident that would have been. `ended_at` None: it would be open."""

    opened_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Preview:
    """`known`: steps of `grain` that could be judged; `note`: what limits this."""

    incidents: tuple[Would, ...]
    days: int
    known: int
    grain: timedelta | None
    note: str = ""


def preview(database: Database, rule: Rule, now: datetime, zone: ZoneInfo, days: int = DAYS) -> Preview:
    """How often `rule` would have fired in the last days. Raises DatabaseUnavailableError."""
    if not has_past(rule):
        return Preview((), days, 0, None, f"Nothing is kept of {rule.what.title.lower()}: the past cannot be asked.")
    if rule.condition == "no_data":
        return Preview((), days, 0, None, "Of the past it is not kept when nothing came.")
    grain = grain_of(rule)
    end = now.replace(second=0, microsecond=0)
    return replayed(rule, past(database, rule, end - timedelta(days=days), end, zone), days, grain)


def replayed(rule: Rule, steps: Sequence[Past], days: int, grain: timedelta) -> Preview:
    """The rule's incidents over past readings. Pure."""
    state, opened, found, known = State(), None, [], 0
    before: datetime | None = None
    for each in steps:
        judged = judge(rule, each.reading)
        known += judged.verdict != "unknown"
        seconds = grain.total_seconds() if before is None else (each.at - before).total_seconds()
        before = each.at
        if state.held is None and judged.verdict == "bad" and not state.open:
            seconds = grain.total_seconds()  # a step of the past lasted, where a look is a moment
            state = State(held=0.0, cooling=state.cooling)
        state, transition = step(rule, state, judged.verdict, min(seconds, 2 * grain.total_seconds()))
        if transition == "opened":
            opened = each.at
        elif transition == "recovered" and opened is not None:
            found.append(Would(opened, each.at))
            opened = None
    if opened is not None:
        found.append(Would(opened, None))
    note = ""
    if grain > timedelta(minutes=1):
        note = "Only hours are kept of this, so that shorter peaks do not show."
    if known == 0:
        note = "Nothing is known of these days."
        if rule.condition == "baseline" and steps:
            note = "Too few weeks are known yet: the rule is learning."
    return Preview(tuple(found), days, known, grain, note)
