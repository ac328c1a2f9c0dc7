"""Rules, states and incidents in the database. What an operator made of a rule is kept apart from the defaults, which a
new version may change: an edited rule stays as it was edited, the others get better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.types.json import Jsonb

from core.alerts.causes import from_json
from core.alerts.contributions import Contribution
from core.alerts.defaults import DEFAULTS
from core.alerts.machine import State
from core.alerts.rules import Rule, read_rule
from core.alerts.tracks import Point, Track
from core.exceptions import UnknownIncidentError, UnknownRuleError
from core.sql import load
from core.storage.database import Database

Connection = psycopg.Connection[Any]
Origin = Literal["default", "edited", "own"]
BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in DEFAULTS}


@dataclass(frozen=True)
class Kept:
    """A rule as it applies. `origin`: whether it is a default as it came, one that was edited, or an operator's own."""

    rule: Rule
    origin: Origin
    muted_until: datetime | None = None
    changed_at: datetime | None = None
    changed_by: str | None = None

    def muted(self, now: datetime) -> bool:
        return self.muted_until is not None and now < self.muted_until


@dataclass(frozen=True)
class Standing:
    """How a rule stands: its state, what it saw at the last look, and what it remembers."""

    state: State = field(default_factory=State)
    value: float | None = None
    limit: float | None = None
    note: str = ""
    track: Track | None = None


@dataclass(frozen=True)
class Incident:
    """`rule`: as it was when the incident opened; `told`: notices of the opening were made."""

    incident_id: int
    rule: Rule
    opened_at: datetime
    worst_value: float | None
    last_value: float | None
    limit: float | None
    why: tuple[Contribution, ...]
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    told: bool
    ended_at: datetime | None
    ended_how: str | None

    @property
    def open(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True)
class Seen:
    """A value at a moment of an incident, and the limit it was held against."""

    at: datetime
    value: float | None
    limit: float | None


def rules_of(connection: Connection) -> list[Kept]:
    """Every rule: the defaults in their order, then those of operators by name."""
    rows = connection.execute(
        "SELECT name, definition, muted_until, changed_at, changed_by FROM alert_rules ORDER BY name"
    ).fetchall()
    stored = {row[0]: row[1:] for row in rows}
    kept = [_kept(default, *stored.pop(default.name, (None, None, None, None))) for default in DEFAULTS]
    own = [
        Kept(read_rule(definition), "own", muted_until, changed_at, changed_by)
        for definition, muted_until, changed_at, changed_by in stored.values()
        if definition is not None
    ]
    return kept + own


def _kept(default: Rule, definition: Any, muted_until: Any, changed_at: Any, changed_by: Any) -> Kept:
    rule = default if definition is None else read_rule(definition)
    return Kept(rule, "default" if rule == default else "edited", muted_until, changed_at, changed_by)


def rules(database: Database) -> list[Kept]:
    """Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        return rules_of(connection)


def rule_named(database: Database, name: str) -> Kept:
    """Raises UnknownRuleError, DatabaseUnavailableError."""
    for kept in rules(database):
        if kept.rule.name == name:
            return kept
    raise UnknownRuleError(f"There is no rule named {name!r}.")


def standings_of(connection: Connection) -> dict[str, Standing]:
    rows = connection.execute(
        "SELECT name, open, held, clear, cooling, value, limit_value, note, track FROM alert_states"
    ).fetchall()
    return {
        name: Standing(State(open_, held, clear, cooling), value, limit, note, _track(track))
        for name, open_, held, clear, cooling, value, limit, note, track in rows
    }


def standings(database: Database) -> dict[str, Standing]:
    """How the rules stood at the last look, by name. Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        return standings_of(connection)


def keep_standings(connection: Connection, standings: Mapping[str, Standing]) -> None:
    """Replace how all rules stand."""
    connection.execute("DELETE FROM alert_states WHERE NOT name = ANY(%s)", [list(standings)])
    with connection.cursor() as cursor:
        cursor.executemany(
            load("alert_keep_state"),
            [
                (
                    name, each.state.open, each.state.held, each.state.clear, each.state.cooling, finite(each.value),
                    finite(each.limit), each.note, None if each.track is None else Jsonb(_track_out(each.track)),
                )
                for name, each in standings.items()
            ],
        )  # fmt: skip


def _track(kept: Any) -> Track | None:
    if kept is None:
        return None
    return Track(datetime.fromisoformat(kept["anchor"]), tuple(Point(*point) for point in kept["points"]))


def _track_out(track: Track) -> dict[str, Any]:
    return {"anchor": track.anchor.isoformat(), "points": [list(asdict(point).values()) for point in track.points]}


def finite(value: float | None) -> float | None:
    """A number that JSON has too; None for what is not known, or never."""
    return value if value is not None and math.isfinite(value) else None


def incidents(
    database: Database,
    *,
    open_only: bool = False,
    rule: str | None = None,
    since: datetime | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Incident]:
    """Open ones first, then the newest. `since`: those that were open then or later; `before`: with a smaller number.

    Raises DatabaseUnavailableError.
    """
    asked = {"open_only": open_only, "rule": rule, "since": since, "before": before, "limit": limit, "number": None}
    with database.borrow() as connection:
        return [_incident(row) for row in connection.execute(load("alert_incidents"), asked).fetchall()]


def incident(database: Database, number: int) -> Incident:
    """Raises UnknownIncidentError, DatabaseUnavailableError."""
    asked = dict.fromkeys(("rule", "since", "before")) | {"open_only": False, "limit": 1, "number": number}
    with database.borrow() as connection:
        row = connection.execute(load("alert_incidents"), asked).fetchone()
    if row is None:
        raise UnknownIncidentError(f"There is no incident {number}.")
    return _incident(row)


def open_incidents_of(connection: Connection) -> dict[str, Incident]:
    """By the names of their rules."""
    asked = dict.fromkeys(("rule", "since", "before", "number")) | {"open_only": True, "limit": 1000}
    found = (_incident(row) for row in connection.execute(load("alert_incidents"), asked).fetchall())
    return {each.rule.name: each for each in found}


def _incident(row: tuple[Any, ...]) -> Incident:
    number, definition, opened_at, worst, last, limit, why, *rest = row
    return Incident(
        number, read_rule(definition), opened_at, worst, last, limit, tuple(from_json(why)), *rest
    )  # fmt: skip


def seen(database: Database, number: int) -> list[Seen]:
    """What the rule saw while the incident was open. Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        rows = connection.execute(
            "SELECT at, value, limit_value FROM alert_values WHERE incident_id = %s ORDER BY at", [number]
        ).fetchall()
    return [Seen(*row) for row in rows]


def last_round(database: Database) -> tuple[datetime | None, float | None]:
    """When all rules were last looked at, and how many milliseconds it took. Raises DatabaseUnavailableError."""
    with database.borrow() as connection:
        row = connection.execute("SELECT at, milliseconds FROM alert_round").fetchone()
    return (row[0], row[1]) if row else (None, None)
