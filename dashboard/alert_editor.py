"""The form of a rule, with what it would have done in the last days."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

import streamlit as st

from core import formats
from core.accounts.users import User
from core.alerts import administration
from core.alerts.measures import MEASURES
from core.alerts.preview import Preview, preview
from core.alerts.rules import SEVERITIES, Condition, Direction, Rule, read_rule
from core.alerts.store import BY_NAME, Kept
from core.delivery import registry
from core.exceptions import BadRuleError, RelayAnalyticsError
from core.records import ERROR_CODES, EVENT_TYPES
from core.settings import get_settings
from dashboard import alert_data
from dashboard.alert_data import Alerts
from dashboard.auth import acting
from dashboard.components import card
from dashboard.places import database, now

NEW = "A new rule"
BLANK = Rule(name="my-rule", title="My rule", measure="events_per_second", threshold=100)
CONDITIONS = {
    "threshold": "passes a threshold",
    "baseline": "is unusual for this hour of the week",
    "no_data": "is not there",
}


def show(user: User, alerts: Alerts, at: datetime) -> None:
    """Choose a rule and change it."""
    by_title = {kept.rule.title: kept for kept in alerts.rules}
    with card("Change a rule", "or make one of your own", key="rule-editor", fill=False):
        title = st.selectbox("Rule", [*by_title, NEW], key="al-rule", bind="query-params")
        kept = by_title.get(title or NEW)
        given = _form(kept.rule if kept else BLANK, new=kept is None)
        with st.container(horizontal=True, gap="small", key="al-rule-actions"):
            wants_preview = st.button("Preview", icon=":material/history:", key="al-preview")
            wants_save = st.button("Save", type="primary", key="al-save")
            if kept is not None and kept.origin != "default":
                words = "Back to the default" if kept.rule.name in BY_NAME else "Remove"
                st.button(words, key="al-reset", on_click=_remove, args=(user, kept))
            if kept is not None and kept.muted(at):
                st.button("End muting", key="al-unmute", on_click=_unmute, args=(user, kept))
        if not (wants_preview or wants_save):
            return
        try:
            rule = read_rule(given)
            if wants_preview:
                _preview(preview(database(), rule, now(), get_settings().zone))
            else:
                change = administration.change_rule if kept else administration.add_rule
                change(database(), acting(user, "manage", "alerts"), rule, now())
                alert_data.forget()
                st.rerun()
        except (BadRuleError, RelayAnalyticsError) as error:
            st.error(str(error), icon=":material/error:")


def _form(rule: Rule, *, new: bool) -> dict[str, Any]:
    """The rule as it stands in the form. Keys carry its name: another rule has a form of its own."""
    key = f"al-{rule.name}-"
    given: dict[str, Any] = {"name": rule.name, "advice": rule.advice}
    if new:
        given["name"] = st.text_input("Name", rule.name, key=key + "name", help="Small letters, digits and -.")
        given["title"] = st.text_input("Title", rule.title, key=key + "title")
        given["advice"] = st.text_input("What to do about it", rule.advice, key=key + "advice")
    else:
        given["title"] = rule.title
    one, two, three, four = st.columns([1.4, 1.4, 0.8, 0.8], gap="small")
    given["measure"] = one.selectbox("Measure", list(MEASURES), list(MEASURES).index(rule.measure), key=key + "measure",
                                     format_func=lambda name: MEASURES[name].title)  # fmt: skip
    unit = MEASURES[given["measure"]].unit
    conditions, directions = list(get_args(Condition)), list(get_args(Direction))
    given["condition"] = two.selectbox("Alarm when it", conditions, conditions.index(rule.condition),
                                       key=key + "condition", format_func=CONDITIONS.__getitem__)  # fmt: skip
    given["direction"] = three.selectbox("Side", directions, directions.index(rule.direction), key=key + "direction")
    severities = list(SEVERITIES)
    given["severity"] = four.selectbox("Severity", severities, severities.index(rule.severity), key=key + "severity")
    in_ = "deviations" if given["condition"] == "baseline" else unit
    one, two, three, four = st.columns(4, gap="small")
    given["threshold"] = one.number_input(f"Threshold, {in_}", value=float(rule.threshold), key=key + "threshold")
    given["recover"] = two.number_input(f"Over at, {in_}", value=rule.recover, key=key + "recover",
                                        placeholder="the threshold")  # fmt: skip
    given["window"] = three.number_input("Window, seconds", 10, 3600, rule.window, key=key + "window")
    given["minimum"] = four.number_input("Least messages", 0, None, rule.minimum, key=key + "minimum")
    one, two, three, four = st.columns(4, gap="small")
    given["hold"] = one.number_input("Must hold, seconds", 0, None, rule.hold, key=key + "hold")
    given["recover_after"] = two.number_input("Over after, seconds", 0, None, rule.recover_after, key=key + "after")
    given["cooldown"] = three.number_input("Cool-down, seconds", 0, None, rule.cooldown, key=key + "cooldown")
    names = [channel.name for channel in registry.listing(database())]
    given["channels"] = four.multiselect("Tell only", names, [name for name in rule.channels if name in names],
                                         key=key + "channels", placeholder="All for alerts")  # fmt: skip
    given["filters"] = _filters(rule, given["measure"], key)
    given["enabled"] = st.toggle("On", rule.enabled, key=key + "enabled")
    return given


def _filters(rule: Rule, measure: str, key: str) -> dict[str, Any]:
    possible = MEASURES[measure].filters
    if not possible:
        return {}
    given: dict[str, Any] = {}
    columns = st.columns(4, gap="small")
    if "event_type" in possible:
        given["event_type"] = _choice(columns[0], "Only type", EVENT_TYPES, rule.filters.event_type, key + "type")
    if "kind" in possible:
        given["kind"] = columns[1].number_input("Only kind", 0, 65535, rule.filters.kind, key=key + "kind",
                                                placeholder="All")  # fmt: skip
    if "client" in possible:
        given["client"] = columns[2].text_input("Only client", rule.filters.client or "", key=key + "client") or None
    if "error_code" in possible:
        given["error_code"] = _choice(columns[3], "Only code", ERROR_CODES, rule.filters.error_code, key + "code")
    return given


def _choice(column: Any, label: str, options: tuple[str, ...], value: str | None, key: str) -> str | None:
    place = options.index(value) if value in options else None
    chosen: str | None = column.selectbox(label, options, place, key=key, placeholder="All")
    return chosen


def _preview(would: Preview) -> None:
    if not would.known:
        st.info(would.note, icon=":material/history:")
        return
    times = len(would.incidents)
    words = (
        f"It would have fired **{times} time{'' if times == 1 else 's'}** in the last {would.days} days. {would.note}"
    )
    st.info(words, icon=":material/history:")
    zone = get_settings().zone
    if would.incidents:
        st.dataframe(
            [
                {
                    "From": f"{each.opened_at.astimezone(zone):%a %d %b %H:%M}",
                    "Lasted": formats.duration((each.ended_at - each.opened_at).total_seconds())
                    if each.ended_at
                    else "until now",
                }
                for each in would.incidents[-20:]
            ],
            hide_index=True,
            row_height=32,
            key="al-would",
            alt="When it would have fired",
        )


def _remove(user: User, kept: Kept) -> None:
    _change(user, administration.remove_rule, kept.rule.name)


def _unmute(user: User, kept: Kept) -> None:
    _change(user, administration.mute, kept.rule.name, None)


def _change(user: User, change: Any, *arguments: Any) -> None:
    try:
        change(database(), acting(user, "manage", "alerts"), *arguments, now())
    except RelayAnalyticsError as error:
        st.session_state["al-error"] = str(error)
    alert_data.forget()
