"""What is kept how long: one table of policies. An administrator may set another number of days than the default.

Sums by the day are kept for ever, and so are hours of the whole relay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.audit import Actor, recorded
from core.exceptions import BadParameterError, UnknownPolicyError
from core.retention import hours
from core.settings import Settings
from core.storage.connections import Database


@dataclass(frozen=True)
class Policy:
    """`tables`: their names and the column that says how old a row is; `days` None: for ever; `least`: days that
    something else needs; `changed_by` None: the default."""

    name: str
    what: str
    tables: tuple[tuple[str, str], ...]
    days: int | None
    least: int = 1
    whole_days: bool = False
    changed_by: str | None = None

    def before(self, now: datetime) -> datetime | None:
        """What is older goes; None: nothing does. Where days go as a whole, the beginning of one."""
        if self.days is None:
            return None
        limit = now - timedelta(days=self.days)
        return limit.replace(hour=0, minute=0, second=0, microsecond=0) if self.whole_days else limit


RAW, SAMPLES, MINUTES, HOURS = "raw", "samples", "minutes", "hours"
DEFAULTS = (
    Policy(
        RAW, "raw events, deliveries and connections",
        (("traffic_events_raw", "timestamp"), ("deliveries_raw", "timestamp"), ("connections_raw", "closed_at")),
        None, whole_days=True,
    ),
    Policy(
        SAMPLES, "samples of connections and host by the second", (("connection_metrics_raw", "timestamp"),),
        None, least=2, whole_days=True,
    ),
    Policy(
        MINUTES, "sums by the minute; hours and days stay",
        (("traffic_minute", "bucket"), ("connection_minute", "bucket")), None, least=2, whole_days=True,
    ),
    Policy(
        HOURS, "sums of clients and query shapes by the hour; days stay",
        tuple((table, "bucket") for table in hours.TABLES), None, least=64, whole_days=True,
    ),
    Policy("quarantine", "samples of what could not be stored; counts stay", (("quarantine", "stored_at"),), None),
    Policy("audit", "the audit log", (("audit_log", "at"),), None, least=30),
    Policy(
        "deliveries", "the ledgers of scheduled reports and alerts",
        (("schedule_runs", "finished_at"), ("alert_incidents", "ended_at")), None, least=30,
    ),
    Policy("annotations", "annotations of charts", (("annotations", "at"),), None, least=30),
)  # fmt: skip
"""Those without days are kept for ever, but raw rows and samples RAW_RETENTION_DAYS. `least` of hours: alerts compare
with those of eight weeks, and a bill needs those of the month before."""


def policies(database: Database, settings: Settings) -> list[Policy]:
    """Every policy as it is now."""
    with database.borrow() as connection:
        rows = connection.execute("SELECT name, days, changed_by FROM retention_policies").fetchall()
    changed = {name: {"days": days, "changed_by": by} for name, days, by in rows}
    found = [
        replace(policy, days=max(settings.raw_retention_days, policy.least))
        if policy.name in (RAW, SAMPLES)
        else policy
        for policy in DEFAULTS
    ]
    found = [replace(policy, **changed.get(policy.name, {})) for policy in found]
    raw = next(policy.days for policy in found if policy.name == RAW)
    return [replace(policy, days=_longer(policy.days, raw)) if policy.name == HOURS else policy for policy in found]


def _longer(days: int | None, other: int | None) -> int | None:
    return None if days is None or other is None else max(days, other)


def policy_named(name: str) -> Policy:
    """Raises UnknownPolicyError."""
    found = next((policy for policy in DEFAULTS if policy.name == name), None)
    if found is None:
        raise UnknownPolicyError(
            f"There is no policy {name!r}; there are {', '.join(policy.name for policy in DEFAULTS)}."
        )
    return found


def keep(database: Database, actor: Actor, name: str, days: int | None, now: datetime) -> None:
    """Keep something for so many days, or for ever. Raises UnknownPolicyError, BadParameterError."""
    policy = policy_named(name)
    if days is not None and not policy.least <= days <= 36_500:
        raise BadParameterError(f"{name} can be kept {policy.least} to 36500 days, or for ever.")
    with recorded(database, actor, "retention.keep", now, policy=name, days=days), database.borrow() as connection:
        connection.execute(
            "INSERT INTO retention_policies VALUES (%s, %s, %s, %s) ON CONFLICT (name) DO UPDATE"
            " SET days = excluded.days, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
            [name, days, now, actor.name],
        )


def keep_default(database: Database, actor: Actor, name: str, now: datetime) -> None:
    """Go back to the default. Raises UnknownPolicyError."""
    policy_named(name)
    with recorded(database, actor, "retention.default", now, policy=name), database.borrow() as connection:
        connection.execute("DELETE FROM retention_policies WHERE name = %s", [name])
