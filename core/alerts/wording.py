"""Incidents in words: values with their unit, conditions, causes, and the message that a channel carries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from core import formats, kinds
from core.alerts.contributions import Contribution
from core.alerts.machine import Transition
from core.alerts.measures import Unit
from core.alerts.rules import Rule
from core.alerts.store import Incident
from core.delivery.message import Message

SIGNS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
SHOWN_CAUSES = 8


def value(number: float | None, unit: Unit) -> str:
    """A value of a measure as people write it: 2.3%, 1.2 MB/s, 4,000 / s."""
    if number is None:
        return formats.MISSING
    match unit:
        case "percent":
            return formats.percent(number)
        case "per second":
            return f"{formats.rate(number)} / s"
        case "bytes per second":
            return f"{formats.size(number)}/s"
        case "ms":
            return formats.milliseconds(number)
        case "seconds":
            return formats.duration(number)
        case "days":
            return formats.duration(number * 86_400)
    return f"{formats.count(number)} {unit}"


def condition(rule: Rule) -> str:
    """When it is bad, in words: `above 5% for 30 s`."""
    held = f" for {formats.duration(rule.hold)}" if rule.hold else ""
    if rule.condition == "no_data":
        return f"no data{held}"
    if rule.condition == "baseline":
        return f"{rule.threshold:g} deviations {rule.direction} the usual{held}"
    return f"{rule.direction} {value(rule.threshold, rule.what.unit)}{held}"


def scope(rule: Rule) -> str:
    """What it is narrowed to: `EVENT · kind 1`; empty: nothing."""
    given = rule.filters.given
    parts = [f"kind {kinds.label(rule.filters.kind)}" if name == "kind" else str(given[name]) for name in given]
    return " · ".join(parts)


def headline(incident: Incident) -> str:
    """What is wrong, with the first cause of each kind that explains much of it."""
    parts = [incident.rule.title]
    named = main_causes(incident.why)
    return f"{parts[0]}: {', '.join(named)}" if named else parts[0]


def main_causes(why: Sequence[Contribution]) -> list[str]:
    """Of each dimension the largest part, where it explains at least half."""
    found: list[str] = []
    for dimension in ("app", "client", "kind", "error_code", "reason", "tap"):
        first = next((each for each in why if each.dimension == dimension), None)
        if first is not None and first.share >= 0.5:
            found.append(name_of(first))
    return found


def name_of(part: Contribution) -> str:
    """`app Damus`, `client address:1f3a`, `kind 1 · Text note`."""
    if part.dimension == "kind":
        return f"kind {kinds.label(int(part.name))}"
    words = {"error_code": "code", "event_type": "verb", "table": "table", "reason": "reason"}
    return f"{words.get(part.dimension, part.dimension)} {part.name}"


def cause(part: Contribution, rule: Rule) -> str:
    """One line: who or what, its share of the change, and how much it was."""
    name = name_of(part)
    if part.dimension == "tap":
        return f"{name}: silent for {formats.duration(part.during)}"
    if part.dimension == "table":
        return f"{name}: {formats.size(part.during)}, {formats.share(part.share)} of the database"
    if part.dimension == "reason":
        return f"{name}: {formats.count(part.during)} records"
    share = formats.share(min(part.share, 1.0))
    if rule.what.part == "waiting" and part.before == 0:
        return f"{name}: {share} of what waits ({formats.count(part.during)} messages)"
    unit: Unit = "bytes per second" if rule.what.part == "bytes" else "per second"
    return f"{name}: {share} of the change ({value(part.before, unit)} → {value(part.during, unit)})"


def message(incident: Incident, transition: Transition, zone: ZoneInfo, relay: str) -> Message:
    """What a channel carries. The same for the same incident and transition, however often it is tried."""
    rule = incident.rule
    at = incident.opened_at if transition == "opened" or incident.ended_at is None else incident.ended_at
    recovered = transition == "recovered"
    sign = "🟢" if recovered else SIGNS[rule.severity]
    subject = f"{sign} {'Recovered: ' + rule.title if recovered else headline(incident)} ({relay})"
    lines = _facts(incident, zone, recovered=recovered)
    causes = [cause(part, rule) for part in incident.why[:SHOWN_CAUSES]]
    text = "\n".join(f"{name}: {words}" for name, words in lines)
    if causes and not recovered:
        text += "\n\nWhat contributed most:\n" + "\n".join(f"- {line}" for line in causes)
    if rule.advice and not recovered:
        text += f"\n\n{rule.advice}"
    kind = "recovery" if recovered else "alert"
    html = _html(subject, lines, [] if recovered else causes, "" if recovered else rule.advice)
    return Message(subject, text, at, html=html, kind=kind, data=as_data(incident, transition, relay))


def _facts(incident: Incident, zone: ZoneInfo, *, recovered: bool) -> list[tuple[str, str]]:
    rule, unit = incident.rule, incident.rule.what.unit
    facts = [("What", " · ".join(part for part in (rule.what.title, scope(rule)) if part))]
    if recovered and incident.ended_at is not None:
        lasted = formats.duration((incident.ended_at - incident.opened_at).total_seconds())
        facts += [("Now", value(incident.last_value, unit)), ("Worst", value(incident.worst_value, unit))]
        facts += [("Lasted", f"{lasted}, from {_clock(incident.opened_at, zone)} to {_clock(incident.ended_at, zone)}")]
    else:
        facts += [("Value", value(incident.last_value, unit)), ("Alarm", condition(rule))]
        if rule.condition == "baseline" and incident.limit is not None:
            facts.append(("Limit now", value(incident.limit, unit)))
        facts.append(("Since", _clock(incident.opened_at, zone)))
    facts.append(("Severity", rule.severity))
    return facts


def _clock(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {formats.zone_label(local)}"


def as_data(incident: Incident, transition: Transition | None, relay: str) -> dict[str, Any]:
    """The incident for machines: JSON values."""
    rule = incident.rule
    return {
        "incident_id": incident.incident_id,
        "transition": transition,
        "relay": relay,
        "rule": rule.name,
        "title": rule.title,
        "severity": rule.severity,
        "measure": rule.measure,
        "unit": rule.what.unit,
        "value": incident.last_value,
        "worst_value": incident.worst_value,
        "limit": incident.limit,
        "opened_at": incident.opened_at.isoformat(),
        "ended_at": incident.ended_at.isoformat() if incident.ended_at else None,
        "why": [vars(part) for part in incident.why],
    }


def _html(subject: str, lines: Sequence[tuple[str, str]], causes: Sequence[str], advice: str) -> str:
    """Mail readers know little CSS: a table, styles on its elements."""
    cell = 'style="padding:4px 16px 4px 0;color:#5B6472;font-size:13px;white-space:nowrap;vertical-align:top"'
    rows = "".join(
        f'<tr><td {cell}>{escape(name)}</td><td style="padding:4px 0;font-size:13px">{escape(words)}</td></tr>'
        for name, words in lines
    )
    listed = "".join(f'<li style="margin:3px 0">{escape(line)}</li>' for line in causes)
    why = (
        f'<p style="margin:18px 0 6px;font-weight:600;font-size:13px">What contributed most</p>'
        f'<ul style="margin:0;padding-left:20px;font-size:13px">{listed}</ul>'
        if causes
        else ""
    )
    todo = f'<p style="margin:18px 0 0;font-size:13px;color:#5B6472">{escape(advice)}</p>' if advice else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(subject)}</title></head><body style="margin:0;padding:24px;background:#F6F7F9;color:#14181F;'
        'font-family:Inter,Segoe UI,Helvetica,Arial,sans-serif">'
        '<div style="max-width:600px;margin:0 auto;background:#FFFFFF;border:1px solid #E3E7ED;border-radius:12px;'
        'padding:22px 24px;overflow-wrap:anywhere">'
        f'<h1 style="margin:0 0 14px;font-size:17px;line-height:1.4">{escape(subject)}</h1>'
        f'<table style="border-collapse:collapse">{rows}</table>{why}{todo}</div></body></html>'
    )
