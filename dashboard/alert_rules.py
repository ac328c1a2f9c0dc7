"""Rules: what each watches, how it stands, and for administrators the form that changes it."""

from __future__ import annotations

from datetime import datetime
from html import escape

import streamlit as st

from core.accounts.users import User
from core.alerts import administration, wording
from core.alerts.store import Kept, Standing
from core.delivery import registry
from core.exceptions import RelayAnalyticsError
from core.permissions import decide
from dashboard import alert_data, alert_editor
from dashboard.alert_data import Alerts
from dashboard.auth import acting
from dashboard.components import card
from dashboard.places import database, now

PILLS = {"open": "red", "recovering": "red", "pending": "", "cooling": "gray", "quiet": "gray"}
HEADS = ("Rule", "Alarm", "Now", "State", "Severity")


def show(user: User, alerts: Alerts, at: datetime) -> None:
    """The section."""
    with card("Rules", "looked at every few seconds", key="rules", fill=False):
        head = "".join(f"<th{' class=extra' if name == 'Severity' else ''}>{name}</th>" for name in HEADS)
        rows = "".join(_row(each, alerts.standings.get(each.rule.name, Standing()), at) for each in alerts.rules)
        st.html(
            f'<div class="rows-box" tabindex="0"><table class="rows-table rules-table"><thead><tr>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )
    if not decide(user, "manage", "alerts").allowed:
        st.caption("Administrators change rules.")
        return
    alert_editor.show(user, alerts, at)
    _told(user, alerts)


def _row(kept: Kept, standing: Standing, at: datetime) -> str:
    rule = kept.rule
    state = "off" if not rule.enabled else "muted" if kept.muted(at) else standing.state.phase
    now_ = wording.value(standing.value, rule.what.unit) if standing.value is not None else standing.note or "–"
    scope = wording.scope(rule)
    made = {"default": "", "edited": " · edited", "own": " · your own"}[kept.origin]
    return (
        f'<tr><td title="{escape(rule.what.meaning)}"><b>{escape(rule.title)}</b>'
        f'<br><span class="dim">{escape(rule.what.title)}{f" of {escape(scope)}" if scope else ""}{made}</span></td>'
        f'<td class="dim">{escape(wording.condition(rule))}</td><td>{escape(now_)}</td>'
        f'<td><span class="pill {PILLS.get(state, "gray")}">{state}</span></td>'
        f'<td class="extra dim">{rule.severity}</td></tr>'
    )


def _told(user: User, alerts: Alerts) -> None:
    known = [channel.name for channel in registry.listing(database())]
    with card("Who is told", "of every rule that names no channel of its own", key="told", fill=False):
        if not known:
            st.caption("There are no channels yet: add mail, a webhook, a directory or a Nostr key under Admin.")
            return
        chosen = st.multiselect("Channels", known, alerts.told, key="al-told", placeholder="Nobody")
        if st.button("Save", key="al-told-save", disabled=sorted(chosen) == sorted(alerts.told)):
            try:
                administration.tell(database(), acting(user, "manage", "alerts"), chosen, now())
            except RelayAnalyticsError as error:
                st.error(str(error), icon=":material/error:")
            else:
                alert_data.forget()
                st.rerun()
