"""What operators do with alerts: every change is written to the audit log with who made it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from core.alerts import store
from core.alerts.rules import Rule
from core.alerts.store import BY_NAME, Kept
from core.audit import Actor, recorded
from core.delivery import registry
from core.exceptions import BadRuleError, UnknownIncidentError
from core.storage.database import Database

KEEP = "INSERT INTO alert_rules (name, {column}, changed_at, changed_by) VALUES (%s, %s, %s, %s)" \
       " ON CONFLICT (name) DO UPDATE SET {column} = excluded.{column}, changed_at = excluded.changed_at," \
       " changed_by = excluded.changed_by"  # fmt: skip


def add_rule(database: Database, actor: Actor, rule: Rule, now: datetime) -> Kept:
    """A rule of the operator's own. Raises BadRuleError when the name is taken or a channel does not exist."""
    if any(kept.rule.name == rule.name for kept in store.rules(database)):
        raise BadRuleError(f"There is a rule named {rule.name} already.")
    return change_rule(database, actor, rule, now, action="alerts.rule.add")


def change_rule(
    database: Database, actor: Actor, rule: Rule, now: datetime, *, action: str = "alerts.rule.change"
) -> Kept:
    """Keep a rule as it is given; a default is kept apart from what later versions make of it.

    Raises BadRuleError when a channel does not exist.
    """
    known = {channel.name for channel in registry.listing(database)}
    missing = sorted(set(rule.channels) - known)
    if missing:
        raise BadRuleError(f"channels: there is none named {', '.join(missing)}.")
    with recorded(database, actor, action, now, rule=rule.name, definition=rule.model_dump(mode="json")):
        _keep(database, actor, rule.name, "definition", Jsonb(rule.model_dump(mode="json")), now)
    return store.rule_named(database, rule.name)


def switch(database: Database, actor: Actor, name: str, now: datetime, *, on: bool) -> Kept:
    """Raises UnknownRuleError."""
    rule = store.rule_named(database, name).rule.model_copy(update={"enabled": on})
    return change_rule(database, actor, rule, now, action=f"alerts.rule.{'on' if on else 'off'}")


def remove_rule(database: Database, actor: Actor, name: str, now: datetime) -> None:
    """Remove an operator's own rule; a default becomes what it was. Raises UnknownRuleError."""
    kept = store.rule_named(database, name)
    action = "alerts.rule.reset" if name in BY_NAME else "alerts.rule.remove"
    with recorded(database, actor, action, now, rule=kept.rule.name), database.borrow() as connection:
        connection.execute("DELETE FROM alert_rules WHERE name = %s", [name])


def mute(database: Database, actor: Actor, name: str, until: datetime | None, now: datetime) -> Kept:
    """Tell nobody of openings until then (None: no longer muted). Raises UnknownRuleError."""
    store.rule_named(database, name)
    with recorded(database, actor, "alerts.rule.mute", now, rule=name, until=until.isoformat() if until else None):
        _keep(database, actor, name, "muted_until", until, now)
    return store.rule_named(database, name)


def acknowledge(database: Database, actor: Actor, incident: int, now: datetime) -> None:
    """Note who has seen an open incident; the first one stays. Raises UnknownIncidentError."""
    if not store.incident(database, incident).open:
        raise UnknownIncidentError(f"Incident {incident} is over.")
    with recorded(database, actor, "alerts.acknowledge", now, incident=incident), database.borrow() as connection:
        connection.execute(
            "UPDATE alert_incidents SET acknowledged_at = coalesce(acknowledged_at, %s),"
            " acknowledged_by = coalesce(acknowledged_by, %s) WHERE incident_id = %s",
            [now, actor.name, incident],
        )


def told_of_all(database: Database) -> list[str]:
    """Names of the channels that are told of alerts whose rule names none."""
    with database.borrow() as connection:
        rows = connection.execute(
            "SELECT name FROM alert_channels JOIN delivery_channels USING (channel_id) ORDER BY name"
        ).fetchall()
    return [name for (name,) in rows]


def tell(database: Database, actor: Actor, channels: Sequence[str], now: datetime) -> None:
    """Choose the channels that are told of alerts whose rule names none. Raises UnknownChannelError."""
    numbers = [registry.named(database, name).channel_id for name in channels]
    with recorded(database, actor, "alerts.channels", now, channels=list(channels)), database.borrow() as connection:
        connection.execute("DELETE FROM alert_channels WHERE NOT channel_id = ANY(%s)", [numbers])
        connection.execute("INSERT INTO alert_channels SELECT unnest(%s::integer[]) ON CONFLICT DO NOTHING", [numbers])


def _keep(database: Database, actor: Actor, name: str, column: str, value: Any, now: datetime) -> None:
    with database.borrow() as connection:
        connection.execute(KEEP.format(column=column).encode(), [name, value, now, actor.name])
