"""One look at all rules: what they read, whether it is bad, which incidents open and close, and who is to be told.

All of it is one transaction on the row of `alert_round`, which is its lock: of several workers one looks, the others go
on. What a look finds is stored together with the notices it makes and the jobs that send them, or not at all.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from psycopg.types.json import Jsonb

from core import annotations as charted
from core.alerts import causes as why
from core.alerts import machine, notices, store
from core.alerts.judging import Judgement, Reading, judge
from core.alerts.machine import Transition
from core.alerts.readings import Gathered, gather
from core.alerts.rules import SEVERITIES, Rule
from core.alerts.store import Incident, Kept, Standing, finite
from core.alerts.surroundings import Surroundings
from core.alerts.usual import Usual
from core.exceptions import StatementTimeoutError
from core.storage.database import Database

log = structlog.get_logger()

EVERY = 5.0
"""Seconds between two looks: an incident opens at most so long after its rule's `hold` is over."""
TOO_SOON = timedelta(seconds=2)
"""Another worker has just looked."""
VALUES_EVERY = timedelta(seconds=10)
EXPLAINED_AGAIN = timedelta(seconds=60)
"""How long an incident is explained anew at each look: causes show better once there is more of it."""
WAITING_KEPT = timedelta(hours=2)


@dataclass(frozen=True)
class Round:
    """What a look did. `looked`: False when another worker was at it, or had just been."""

    looked: bool
    opened: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()
    open: Mapping[str, int] = field(default_factory=dict)
    """Open incidents by severity."""
    milliseconds: float = 0.0


class Evaluator:
    """Looks at all rules. Keeps nothing but what past hours were like, so any number of workers may have one."""

    def __init__(self, database: Database, around: Surroundings) -> None:
        self._database = database
        self._around = around
        self._usual = Usual(around.zone)

    def look(self, now: datetime) -> Round:
        """Raises DatabaseUnavailableError; nothing is stored then."""
        started = time.perf_counter()
        with self._database.borrow() as connection:
            row = connection.execute("SELECT at FROM alert_round FOR UPDATE SKIP LOCKED").fetchone()
            if row is None or (row[0] is not None and timedelta() <= now - row[0] < TOO_SOON):
                return Round(False)
            seconds = machine.elapsed(row[0], now)
            kept = [each for each in store.rules_of(connection) if each.rule.enabled]
            before = store.standings_of(connection)
            rules = [each.rule for each in kept]
            tracks = {name: each.track for name, each in before.items() if each.track is not None}
            gathered = gather(self._database, rules, tracks, now, self._around, self._usual)
            looked = _Looked(self._database, connection, now, self._around, gathered)
            opened: list[str] = []
            recovered: list[str] = []
            after: dict[str, Standing] = {}
            for each in kept:
                standing, transition = looked.rule(each, before.get(each.rule.name, Standing()), seconds)
                after[each.rule.name] = standing
                if transition is not None:
                    (opened if transition == "opened" else recovered).append(each.rule.name)
            looked.finish(kept)
            store.keep_standings(connection, after)
            milliseconds = (time.perf_counter() - started) * 1000
            connection.execute("UPDATE alert_round SET at = %s, milliseconds = %s", [now, milliseconds])
        for name in opened:
            log.warning("An incident opened", rule=name)
        for name in recovered:
            log.info("An incident is over", rule=name)
        severities: Counter[str] = Counter(each.rule.severity for each in kept if after[each.rule.name].state.open)
        open_ = {severity: severities[severity] for severity in SEVERITIES}
        return Round(True, tuple(opened), tuple(recovered), open_, milliseconds)


class _Looked:
    """The part of a look that stores what was read."""

    def __init__(
        self,
        database: Database,
        connection: psycopg.Connection[Any],
        now: datetime,
        around: Surroundings,
        gathered: Gathered,
    ) -> None:
        self._database = database
        self._connection = connection
        self._now = now
        self._around = around
        self._gathered = gathered
        self._incidents: dict[str, Incident] = store.open_incidents_of(connection)

    def rule(self, kept: Kept, before: Standing, seconds: float) -> tuple[Standing, Transition | None]:
        """How the rule stands now, with what happened to its incident stored."""
        rule = kept.rule
        reading = self._gathered.readings[rule.name]
        judged = judge(rule, reading)
        state = replace(before.state, open=rule.name in self._incidents)
        state, transition = machine.step(rule, state, judged.verdict, seconds)
        if transition == "opened":
            self._open(kept, reading, judged, before.state.held or 0.0)
        elif rule.name in self._incidents:
            self._go_on(kept, self._incidents[rule.name], reading, judged, over=transition == "recovered")
        standing = Standing(state, reading.value, judged.limit, judged.note, self._gathered.tracks.get(rule.name))
        return standing, transition

    def finish(self, kept: Sequence[Kept]) -> None:
        """End incidents whose rule was switched off or removed, without a notice: whoever did that knows."""
        for name in set(self._incidents) - {each.rule.name for each in kept}:
            self._end(self._incidents[name], "switched off")
        self._connection.execute("DELETE FROM waiting_messages WHERE timestamp < %s", [self._now - WAITING_KEPT])

    def _open(self, kept: Kept, reading: Reading, judged: Judgement, held: float) -> None:
        rule, value, limit = kept.rule, finite(reading.value), finite(judged.limit)
        explained = self._explain(rule, held)
        row = self._connection.execute(
            "INSERT INTO alert_incidents (rule, definition, opened_at, worst_value, last_value, limit_value, why)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING incident_id",
            [rule.name, Jsonb(rule.model_dump()), self._now, value, value, limit, Jsonb(explained)],
        ).fetchone()
        assert row is not None  # noqa: S101 (RETURNING)
        self._keep_value(row[0], value, limit)
        self._annotate(row[0], rule, self._now, None)
        self._tell(row[0], kept, "opened")

    def _go_on(self, kept: Kept, incident: Incident, reading: Reading, judged: Judgement, *, over: bool) -> None:
        value, number = finite(reading.value), incident.incident_id
        young = self._now - incident.opened_at < EXPLAINED_AGAIN
        explained = self._explain(incident.rule, (self._now - incident.opened_at).total_seconds()) if young else []
        self._connection.execute(
            "UPDATE alert_incidents SET last_value = %s, worst_value = %s, limit_value = %s, why = coalesce(%s, why)"
            " WHERE incident_id = %s",
            [value, _worst(incident, value, judged), finite(judged.limit), Jsonb(explained) if explained else None,
             number],
        )  # fmt: skip
        self._keep_value(number, value, finite(judged.limit))
        if over:
            self._end(incident, "recovered")
            if incident.told:
                self._tell(number, kept, "recovered")
        elif not incident.told:
            self._tell(number, kept, "opened")

    def _explain(self, rule: Rule, held: float) -> list[dict[str, Any]]:
        end = self._gathered.complete_up_to or self._now
        try:
            return why.as_json(why.causes(self._database, rule, held, end, self._now, self._around))
        except StatementTimeoutError:
            log.warning("There was no time to find out why", rule=rule.name)
            return []

    def _end(self, incident: Incident, how: str) -> None:
        self._connection.execute(
            "UPDATE alert_incidents SET ended_at = greatest(opened_at, %s), ended_how = %s WHERE incident_id = %s",
            [self._now, how, incident.incident_id],
        )
        ended_at = max(self._now, incident.opened_at)
        self._annotate(incident.incident_id, incident.rule, incident.opened_at, ended_at)

    def _annotate(self, number: int, rule: Rule, opened_at: datetime, ended_at: datetime | None) -> None:
        """On charts over time. Without causes: annotations stay when a client is forgotten."""
        text = f"{rule.title} ({rule.severity})"
        charted.note(self._connection, f"alert:{number}", text, self._now, at=opened_at, until=ended_at, kind="alert")

    def _tell(self, number: int, kept: Kept, transition: Transition) -> None:
        """Make the notices, once: while the rule is muted none of its opening, and none of its end if there was none of
        its opening."""
        if transition == "opened" and kept.muted(self._now):
            return
        notices.make(self._connection, number, transition, kept.rule.channels, self._now)
        self._connection.execute("UPDATE alert_incidents SET told = true WHERE incident_id = %s", [number])

    def _keep_value(self, number: int, value: float | None, limit: float | None) -> None:
        self._connection.execute(
            "INSERT INTO alert_values (incident_id, at, value, limit_value) SELECT %(id)s, %(at)s, %(value)s, %(limit)s"
            " WHERE NOT EXISTS (SELECT FROM alert_values WHERE incident_id = %(id)s AND at > %(since)s)"
            " ON CONFLICT DO NOTHING",
            {"id": number, "at": self._now, "value": value, "limit": limit, "since": self._now - VALUES_EVERY},
        )


def _worst(incident: Incident, value: float | None, judged: Judgement) -> float | None:
    known: Mapping[str, float | None] = {"before": incident.worst_value, "now": value}
    values = [each for each in known.values() if each is not None]
    if not values:
        return None
    return min(values) if incident.rule.direction == "below" else max(values)
