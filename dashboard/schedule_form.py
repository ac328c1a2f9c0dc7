"""Making and changing a schedule. “Schedule this view” of other pages opens it with their report and filters."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import time
from functools import cache
from typing import Any, cast, get_args
from zoneinfo import ZoneInfo, available_timezones

import streamlit as st

from core.accounts.users import User
from core.delivery.channels import Channel
from core.exceptions import BadParameterError, RelayAnalyticsError
from core.reports import REPORTS
from core.schedules import store
from core.schedules.schedule import RANGE, Format, Plan, Schedule, schedulable
from core.schedules.timing import LAST_DAYS, checked_cron, days_covered, in_words, next_due
from core.settings import get_settings
from dashboard import schedule_preview
from dashboard import schedule_words as words
from dashboard.auth import acting
from dashboard.components import card, quiet_line
from dashboard.filters import kind_of
from dashboard.places import database, now
from dashboard.schedule_filters import chosen, fields

NEW, EDIT = "new", "edit"
RHYTHMS = ("Every day", "Every week", "Every month", "Cron")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
COVERED = {"yesterday": "The day before", "last-week": "The week before", "last-month": "The month before"}
SOME_DAYS = "The last days"
USUAL = {"Every day": "yesterday", "Every week": "last-week", "Every month": "last-month", "Cron": "last-month"}
SIMPLE = re.compile(r"(\d{1,2}) (\d{1,2}) (\*|\d{1,2}) \* (\*|\d)")
_ERROR = "_error_of_form"


@dataclass(frozen=True)
class Asked:
    """What the form begins with; `number`: of the schedule that is changed."""

    plan: Plan
    number: int | None = None


def open_new() -> None:
    """For callbacks: an empty form."""
    _leave()
    st.query_params[NEW] = "traffic"


def open_edit(number: int) -> None:
    """For callbacks: the form of this schedule."""
    _leave()
    st.query_params[EDIT] = str(number)


def asked(schedules: list[Schedule]) -> Asked | None:
    """What the address asks for: a new schedule of a report with filters, or a change; None: the list."""
    number = st.query_params.get(EDIT)
    if number:
        found = next((one for one in schedules if str(one.schedule_id) == number), None)
        return None if found is None else Asked(found.plan, found.schedule_id)
    report = REPORTS.get(st.query_params.get(NEW, ""))
    if report is None or report.name not in schedulable():
        return None
    taken = {parameter.name for parameter in report.parameters} - set(RANGE)
    filters: dict[str, Any] = {name: value for name, value in st.query_params.items() if name in taken}
    with suppress(BadParameterError):  # a link that somebody wrote by hand: the field is empty then
        filters["kind"] = kind_of(filters.pop("kind", None))
    zone = st.query_params.get("tz", "")
    zone = zone if zone in available_timezones() else get_settings().time_zone
    name = f"Monthly {report.title.lower()}"
    return Asked(Plan(name, report.name, "0 6 1 * *", "last-month", "pdf", "", zone, filters))


def show(user: User, begun: Asked, channels: list[Channel]) -> None:
    """The form, its preview, and saving."""
    plan, key = begun.plan, f"sc-{begun.number or NEW}"
    error = st.session_state.pop(_ERROR, None)
    if error:
        st.error(error, icon=":material/error:")
    title = "New schedule" if begun.number is None else f"Change {plan.name}"
    left, right = st.columns(2, gap="small")
    with left, card(title, "what is sent", key="schedule-what"):
        name = st.text_input("Name", plan.name, max_chars=100, key=f"{key}-name")
        names = list(schedulable())
        report = st.selectbox(
            "Report", names, names.index(plan.report), key=f"{key}-report", format_func=lambda one: REPORTS[one].title
        )
        filters = fields(report, plan.filters if report == plan.report else {}, key)
        forms = list(get_args(Format))
        form = st.selectbox(
            "Format", forms, forms.index(plan.file_format), key=f"{key}-format", format_func=words.FORMATS.__getitem__
        )
        skip = st.toggle("Send nothing when nothing happened", plan.skip_empty, key=f"{key}-skip")
    with right, card("When and where to", "on the clock of the time zone", key="schedule-when"):
        cron, rhythm = _when(plan.cron, key)
        covered = _covers(plan, rhythm, key, begun.number is None)
        zones = _zones(plan.time_zone)
        zone = st.selectbox("Time zone", zones, zones.index(plan.time_zone), key=f"{key}-zone")
        known = [channel.name for channel in channels]
        place = known.index(plan.channel) if plan.channel in known else 0
        channel = st.selectbox("Channel", known, place, key=f"{key}-channel")
        _outlook(cron, covered, zone)
    try:
        wanted = Plan(name, report, cron, covered, cast("Format", form), channel, zone, chosen(filters), skip)
    except BadParameterError as problem:
        st.error(str(problem), icon=":material/error:")
        return
    with st.container(key="sc-save", horizontal=True, gap="small"):
        st.button(
            "Save", type="primary", icon=":material/check:", key=f"{key}-save", on_click=_save,
            args=(user, wanted, begun.number),
        )  # fmt: skip
        preview = st.button("Preview", icon=":material/visibility:", key=f"{key}-preview")
        st.button("Cancel", key=f"{key}-cancel", on_click=_leave)
    if preview:
        schedule_preview.show(user, wanted)


def _when(cron: str, key: str) -> tuple[str, str]:
    """The cron expression that was chosen, and the rhythm it was chosen by."""
    minute, hour, day, weekday = _parts(cron)
    begun = "Cron" if minute is None else "Every week" if weekday is not None else "Every month" if day else "Every day"
    rhythm = st.segmented_control("When", RHYTHMS, default=begun, required=True, key=f"{key}-rhythm")
    if rhythm == "Cron":
        given = st.text_input(
            "Cron expression", cron, key=f"{key}-cron", help="Minute, hour, day of the month, month, day of the week."
        )
        return given, rhythm
    left, right = st.columns(2, gap="small")
    at = left.time_input("At", time(hour or 6, minute or 0), key=f"{key}-at", step=900)
    days, weekdays = "*", "*"
    if rhythm == "Every month":
        days = str(right.number_input("On day", 1, 28, day or 1, key=f"{key}-day"))
    elif rhythm == "Every week":
        on = right.selectbox("On", WEEKDAYS, (weekday or 1) - 1, key=f"{key}-weekday")
        weekdays = str(WEEKDAYS.index(on) + 1)
    return f"{at.minute} {at.hour} {days} * {weekdays}", rhythm


def _parts(cron: str) -> tuple[int | None, int | None, int | None, int | None]:
    """Minute, hour, day and weekday (1 to 7) of a simple expression; all None for another."""
    found = SIMPLE.fullmatch(cron)
    if found is None or (found[3] != "*" and (found[4] != "*" or int(found[3]) > 28)):
        return None, None, None, None
    minute, hour = int(found[1]), int(found[2])
    day = None if found[3] == "*" else int(found[3])
    return minute, hour, day, None if found[4] == "*" else int(found[4]) or 7


def _covers(plan: Plan, rhythm: str, key: str, new: bool) -> str:
    """What was chosen to be covered; of a new schedule what goes with its rhythm."""
    found = LAST_DAYS.fullmatch(plan.covers)
    choices = [*COVERED.values(), SOME_DAYS]
    begun = USUAL[rhythm] if new else plan.covers
    place = len(COVERED) if found else list(COVERED).index(begun)
    left, right = st.columns(2, gap="small")
    covered = left.selectbox("Covering", choices, place, key=f"{key}-covers-{rhythm if new else ''}")
    if covered != SOME_DAYS:
        return list(COVERED)[choices.index(covered)]
    days = right.number_input("How many days", 1, 1098, int(found[1]) if found else 30, key=f"{key}-days")
    return f"last-{days}-days"


def _outlook(cron: str, covered: str, zone: str) -> None:
    """What the choice means: in words, when it comes next, and which days it will cover then."""
    where = ZoneInfo(zone)
    try:
        due = next_due(checked_cron(cron), where, now())
    except BadParameterError as error:
        st.error(str(error), icon=":material/error:")
        return
    days = words.days(days_covered(covered, due, where))
    quiet_line(f"{in_words(cron)}. The next one comes on {words.moment(due, where)} and covers {days}.")


def _save(user: User, plan: Plan, number: int | None) -> None:
    try:
        actor = acting(user, "manage", "schedules")
        if number is None:
            saved = store.add(database(), actor, user, plan, now())
        else:
            saved = store.change(database(), actor, user, number, plan, now())
    except RelayAnalyticsError as error:
        st.session_state[_ERROR] = str(error)
        return
    _leave()
    st.query_params["schedule"] = str(saved.schedule_id)


def _leave() -> None:
    for name in [one for one in st.query_params if one != "schedule"]:
        del st.query_params[name]


@cache
def _zones(own: str) -> list[str]:
    first = dict.fromkeys((own, get_settings().time_zone, "UTC"))
    places = (name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return list(first | dict.fromkeys(sorted(places)))
