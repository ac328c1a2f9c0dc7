"""One schedule: what it sends, sending it by hand, and its ledger with errors and sending again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.accounts.users import User
from core.exceptions import RelayAnalyticsError
from core.schedules import ledger, store
from core.schedules.ledger import OPEN, Run
from core.schedules.schedule import Schedule
from core.schedules.timing import days_covered, in_words
from dashboard import schedule_form, schedule_preview
from dashboard import schedule_words as words
from dashboard.auth import acting
from dashboard.components import Fact, card, notice, strip
from dashboard.places import database, now

_SAID = "_said_of_schedule"
_LEDGER = "sc-ledger"
SHOWN = 100


def show(user: User, schedule: Schedule) -> None:
    """Facts, actions and the ledger. Who may not change it sees all of it, with the actions greyed out."""
    own = user.role == "admin" or schedule.owner == user.username
    said = st.session_state.pop(_SAID, None)
    if said:
        (st.success if said[0] else st.error)(said[1], icon=":material/check:" if said[0] else ":material/error:")
    runs = ledger.listing(database(), schedule.schedule_id, SHOWN)
    if runs and runs[0].state in ("failed", "waiting") and runs[0].error:
        failed = runs[0].state == "failed"
        what = f"The report of {words.days(runs[0].days)} {'failed' if failed else 'waits'}."
        notice(what, runs[0].error, grave=failed)
    _facts(schedule)
    _actions(user, schedule, own)
    with card("Ledger", "one entry for each period, whatever became of it; the newest first", key="ledger", fill=False):
        if not runs:
            st.caption("Nothing was due yet.")
            return
        st.dataframe(
            [_row(run, schedule) for run in runs],
            hide_index=True,
            row_height=32,
            height="content" if len(runs) < 14 else 460,
            key=_LEDGER,
            on_select="rerun",
            selection_mode="single-row",
            alt="Ledger",
            column_config={"What became of it": st.column_config.TextColumn(width="large")},
        )
        _again(user, runs, own)


def _facts(schedule: Schedule) -> None:
    plan, at = schedule.plan, now()
    covered = days_covered(plan.covers, schedule.next_due(at) or at, schedule.zone)
    filters = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in plan.filters.items())
    owner = schedule.owner or "the operator"
    with card(plan.name, f"{words.what(plan)}{f', only {filters}' if filters else ''}", key="schedule", fill=False):
        strip(
            [
                Fact("Next run", words.moment(schedule.next_due(at), schedule.zone), plan.time_zone)
                if schedule.active
                else Fact("Next run", "Paused", "nothing is sent"),
                Fact("It will cover", words.days(covered), words.covers(plan)),
                Fact(
                    "Comes as", words.FORMATS[plan.file_format], "unless empty" if plan.skip_empty else "also if empty"
                ),
                Fact("Goes to", plan.channel, f"with the rights of {owner}"),
            ]
        )
        st.caption(f"{in_words(plan.cron)} ({plan.cron}), {plan.time_zone}.")


def _actions(user: User, schedule: Schedule, own: bool) -> None:
    """The buttons. Each is checked again where it is done."""
    why = None if own else f"Only {schedule.owner or 'the operator'} and admins may change it."
    number, active = schedule.schedule_id, schedule.active
    with st.container(key="sc-actions", horizontal=True, gap="small"):
        preview = st.button("Preview", icon=":material/visibility:", key="sc-preview")
        st.button(
            "Send now", icon=":material/send:", key="sc-send", disabled=not own, help=why, on_click=_do,
            args=(user, "Queued; the worker sends it.", ledger.send_now, number),
        )  # fmt: skip
        st.button(
            "Pause" if active else "Resume", icon=":material/pause:" if active else ":material/play_arrow:",
            key="sc-pause", disabled=not own, help=why, on_click=_do,
            args=(user, "Paused." if active else "It goes on from now.", store.set_active, number, not active),
        )  # fmt: skip
        st.button(
            "Edit", icon=":material/edit:", key="sc-edit", disabled=not own, help=why,
            on_click=schedule_form.open_edit, args=(number,),
        )  # fmt: skip
        with st.popover("Remove", icon=":material/delete:", disabled=not own):
            st.caption("With its ledger. What was sent stays sent.")
            st.button(
                "Remove it", type="primary", key="sc-remove", on_click=_do,
                args=(user, "Removed.", store.remove, number),
            )  # fmt: skip
    if preview:
        schedule_preview.show(user, schedule.plan)


def _again(user: User, runs: list[Run], own: bool) -> None:
    state: Any = st.session_state.get(_LEDGER)
    rows = state["selection"]["rows"] if state else []
    run = runs[rows[0]] if rows and rows[0] < len(runs) else None
    if run is None:
        st.caption("Select an entry to read all of it, or to send it again.")
        return
    if run.error or run.detail:
        st.caption(run.error or run.detail or "")
    st.button(
        "Send again", icon=":material/replay:", key="sc-again", disabled=not own or run.state in OPEN, on_click=_do,
        args=(user, "Queued once more; the worker sends it.", ledger.send_again, run.run_id),
    )  # fmt: skip


def _do(user: User, done: str, action: Callable[..., object], *arguments: object) -> None:
    """For callbacks: do something as this user, and say at the next run what became of it."""
    try:
        action(database(), acting(user, "manage", "schedules"), user, *arguments, now())
    except RelayAnalyticsError as error:
        st.session_state[_SAID] = (False, str(error))
    else:
        st.session_state[_SAID] = (True, done)


def _row(run: Run, schedule: Schedule) -> dict[str, object]:
    return {
        "State": words.STATES[run.state],
        "Days": words.days(run.days),
        "Due": words.moment(run.due_at, schedule.zone),
        "Finished": words.moment(run.finished_at, schedule.zone),
        "Attempts": run.attempts,
        "What became of it": run.error or run.detail or "",
    }
