"""Incidents: what is open with why, its values over time and what to do; and what was."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from statistics import median
from typing import Any

import streamlit as st

from core import formats
from core.accounts.users import User
from core.alerts import administration, notices, store, wording
from core.alerts.contributions import Contribution
from core.alerts.history import grain_of, has_past, past
from core.alerts.judging import judge
from core.alerts.store import Incident, Seen, finite
from core.charts import alerts as charts
from core.exceptions import RelayAnalyticsError
from core.permissions import Resource, decide
from core.settings import get_settings
from dashboard import alert_data
from dashboard.alert_data import Alerts
from dashboard.auth import acting
from dashboard.components import Fact, card, empty_state, nothing_here, strip
from dashboard.places import database, now

KEY = "incident"
MUTED_FOR = timedelta(hours=1)
BEFORE = timedelta(minutes=15)
WEEK = timedelta(days=7)
CHART_HEIGHT = 170


def show(user: User, alerts: Alerts, at: datetime) -> None:
    """The section."""
    _facts(alerts, at)
    asked = st.query_params.get(KEY, "")
    for incident in alerts.open:
        _card(user, incident, at)
    if not alerts.open:
        _nothing_open(alerts, at)
    chosen = next((each for each in alerts.past if str(each.incident_id) == asked), None)
    if chosen is not None:
        _card(user, chosen, at)
    if alerts.past:
        _past(alerts.past)


def _facts(alerts: Alerts, at: datetime) -> None:
    week = [each for each in alerts.incidents if at - each.opened_at < WEEK]
    lasted = [(each.ended_at - each.opened_at).total_seconds() for each in week if each.ended_at]
    on = [each for each in alerts.rules if each.rule.enabled]
    muted = sum(each.muted(at) for each in on)
    told = ", ".join(alerts.told) or "nobody"
    with st.container(key="card-strip"):
        strip(
            [
                Fact("Open", str(len(alerts.open)), "now", alarm=bool(alerts.open)),
                Fact("Incidents", str(len(week)), "last 7 days"),
                Fact("Half were over in", formats.duration(median(lasted) if lasted else None), "last 7 days"),
                Fact("Rules", str(len(on)), f"on{f', {muted} muted' if muted else ''}"),
                Fact("A look takes", formats.milliseconds(alerts.milliseconds), "at all rules"),
                Fact("Told", told if len(told) < 24 else str(len(alerts.told)), "where a rule names nobody",
                     alarm=not alerts.told and not any(each.rule.channels for each in on)),
            ]
        )  # fmt: skip


def _nothing_open(alerts: Alerts, at: datetime) -> None:
    if not alerts.watched(at):
        empty_state(
            "Nobody looks at the rules",
            "The worker that looks at them every few seconds does not run: nothing will be told of. It is a part of "
            "the ingest process.",
            code="python -m ingest    or    python -m ingest jobs",
        )
        return
    on = sum(each.rule.enabled for each in alerts.rules)
    empty_state("Nothing is wrong", f"{on} rules are looked at every few seconds; none of them is broken.")


def _card(user: User, incident: Incident, at: datetime) -> None:
    rule, unit = incident.rule, incident.rule.what.unit
    lasted = formats.duration(((incident.ended_at or at) - incident.opened_at).total_seconds())
    state = f"open for {lasted}" if incident.open else f"{incident.ended_how} after {lasted}"
    with card(rule.title, "", key=f"incident-{rule.severity if incident.open else 'over'}-{incident.incident_id}",
              fill=False):  # fmt: skip
        left, right = st.columns([1, 1.15], gap="medium")
        with left:
            st.html(
                '<div class="incident"><div class="incident-state">'
                f'<span class="pill {_pill(incident)}">{rule.severity if incident.open else "over"}</span>'
                f"<span>{escape(state)}</span><span>{_clock(incident.opened_at)}</span>"
                + (f"<span>seen by {escape(incident.acknowledged_by)}</span>" if incident.acknowledged_by else "")
                + f'</div><div class="incident-value"><b>{escape(wording.value(incident.last_value, unit))}</b>'
                f"<span>{escape(_about(incident))}</span></div>{_why(incident)}"
                + (f"<p>{escape(rule.advice)}</p>" if incident.open and rule.advice else "")
                + "</div>"
            )
        with right:
            _chart(incident)
        _actions(user, incident)


def _about(incident: Incident) -> str:
    rule = incident.rule
    scope = wording.scope(rule)
    worst = wording.value(incident.worst_value, rule.what.unit)
    return f"{rule.what.title}{f' of {scope}' if scope else ''} · worst {worst} · alarm {wording.condition(rule)}"


def _why(incident: Incident) -> str:
    if not incident.why:
        return ""
    rows = "".join(_cause(part, incident) for part in incident.why[: wording.SHOWN_CAUSES])
    return f'<div class="why"><span class="why-head">What contributed most</span>{rows}</div>'


def _cause(part: Contribution, incident: Incident) -> str:
    filled = min(max(part.share, 0.0), 1.0) * 100
    return (
        f'<div class="cause" title="{escape(wording.cause(part, incident.rule))}">'
        f"<span>{escape(wording.name_of(part))}</span><b>{formats.share(min(part.share, 1.0))}</b>"
        f'<i style="--w:{filled:.0f}%"></i></div>'
    )


def _pill(incident: Incident) -> str:
    return ("red" if incident.rule.severity == "critical" else "") if incident.open else "gray"


@st.cache_data(ttl=10, max_entries=64, show_spinner=False)
def _series(number: int, over: bool) -> list[Seen]:
    """What was seen, with the minutes before where they are kept. `over`: part of the cache's key."""
    incident = store.incident(database(), number)
    seen = store.seen(database(), number)
    rule = incident.rule
    if has_past(rule) and grain_of(rule) < timedelta(hours=1):
        zone = get_settings().zone
        earlier = past(database(), rule, incident.opened_at - BEFORE, incident.opened_at, zone)
        seen = [
            Seen(each.at, finite(each.reading.value), finite(judge(rule, each.reading).limit))
            for each in earlier
            if each.at < incident.opened_at
        ] + seen
    return seen


def _chart(incident: Incident) -> None:
    seen = _series(incident.incident_id, not incident.open)
    if sum(each.value is not None for each in seen) < 2:
        nothing_here("Too little was seen to draw it", CHART_HEIGHT)
        return
    zone = get_settings().zone
    rule = incident.rule
    chart = charts.values(
        charts.frame(seen, zone), rule.what.unit, incident.opened_at, incident.ended_at, zone, CHART_HEIGHT
    )
    st.altair_chart(chart, key=f"al-values-{incident.incident_id}", alt=f"{rule.what.title} over time, and its limit")


def _actions(user: User, incident: Incident) -> None:
    number, name = incident.incident_id, incident.rule.name
    may_see = decide(user, "manage", "incidents").allowed
    may_mute = decide(user, "manage", "alerts").allowed
    with st.container(key=f"al-actions-{number}", horizontal=True, vertical_alignment="center", gap="small"):
        if incident.open and may_see and incident.acknowledged_at is None:
            st.button("Acknowledge", icon=":material/visibility:", key=f"al-seen-{number}", on_click=_do,
                      args=("incidents", administration.acknowledge, user, number))  # fmt: skip
        if incident.open and may_mute:
            st.button("Mute for an hour", icon=":material/notifications_off:", key=f"al-mute-{number}", on_click=_do,
                      args=("alerts", administration.mute, user, name, now() + MUTED_FOR))  # fmt: skip
        st.html(f'<div class="quiet">{escape(_told(number))}</div>')


def _told(number: int) -> str:
    ledger = notices.of_incident(database(), number)
    if not ledger:
        return "Nobody was told."
    said = [
        f"{each.channel} {'was told' if each.sent_at else 'was not told' if each.given_up_at else 'is being told'}"
        + (" of the end" if each.transition == "recovered" else "")
        for each in ledger
    ]
    return ", ".join(said) + "."


def _do(resource: Resource, change: Any, user: User, *arguments: Any) -> None:
    try:
        change(database(), acting(user, "manage", resource), *arguments, now())
    except RelayAnalyticsError as error:
        st.session_state["al-error"] = str(error)
    alert_data.forget()


def _past(incidents: list[Incident]) -> None:
    def opened() -> None:
        state: Any = st.session_state["al-past"]
        rows = state["selection"]["rows"]
        if rows:
            st.query_params[KEY] = str(incidents[rows[0]].incident_id)
        else:
            st.query_params.pop(KEY, None)

    with card("Past incidents", "last 30 days, newest first; click one for its values and why", key="past", fill=False):
        st.dataframe(
            [
                {
                    "What": wording.headline(each),
                    "Severity": each.rule.severity,
                    "Since": _clock(each.opened_at),
                    "Lasted": formats.duration((each.ended_at - each.opened_at).total_seconds())
                    if each.ended_at
                    else "",
                    "Worst": wording.value(each.worst_value, each.rule.what.unit),
                    "Seen by": each.acknowledged_by or "",
                }
                for each in incidents
            ],
            hide_index=True,
            row_height=34,
            height="content" if len(incidents) < 12 else 440,
            key="al-past",
            on_select=opened,
            selection_mode="single-row",
            alt="Past incidents",
            column_config={"What": st.column_config.TextColumn(width="large")},
        )


def _lasted(incident: Incident) -> str:
    return formats.duration(((incident.ended_at or incident.opened_at) - incident.opened_at).total_seconds())


def _clock(at: datetime) -> str:
    return f"{at.astimezone(get_settings().zone):%d %b %H:%M:%S}"
