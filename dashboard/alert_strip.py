"""Open alerts on the realtime page: one line each, the gravest first, with a link to the page of alerts."""

from __future__ import annotations

from datetime import datetime
from html import escape

import streamlit as st

from core import formats
from core.alerts import wording
from core.alerts.store import Incident
from core.exceptions import DatabaseUnavailableError
from dashboard import alert_data
from dashboard.places import BASE

MOST = 4


def open_alerts(scope: str, at: datetime) -> None:
    """Nothing where nothing is wrong, or the database is away (which the page says)."""
    try:
        found = alert_data.read(scope, at).open
    except DatabaseUnavailableError:
        return
    if not found:
        return
    more = f'<a class="alert-more" href="{BASE}/alerts">and {len(found) - MOST} more</a>' if len(found) > MOST else ""
    st.html(f'<div class="alerts" role="alert">{"".join(_line(each, at) for each in found[:MOST])}{more}</div>')


def _line(incident: Incident, at: datetime) -> str:
    rule = incident.rule
    causes = ", ".join(wording.main_causes(incident.why))
    since = formats.duration(max((at - incident.opened_at).total_seconds(), 0))
    seen = f" · seen by {incident.acknowledged_by}" if incident.acknowledged_by else ""
    return (
        f'<a class="alert {rule.severity}" href="{BASE}/alerts?incident={incident.incident_id}">'
        f"<i></i><b>{escape(rule.title)}</b><span>{escape(causes)}</span>"
        f"<em>{escape(wording.value(incident.last_value, rule.what.unit))} · for {escape(since + seen)}</em></a>"
    )
