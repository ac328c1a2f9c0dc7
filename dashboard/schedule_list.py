"""The list of schedules: what each sends, when it is due next, and how it went last. A click opens one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from core.schedules.ledger import Run
from core.schedules.schedule import Schedule
from core.schedules.timing import in_words
from dashboard import schedule_words as words
from dashboard.components import card

KEY = "schedule"
_TABLE = "sc-list"


def show(schedules: list[Schedule], last: Mapping[int, Run], now: datetime) -> Schedule | None:
    """The list; the schedule that is open, which the address names."""
    failing = sum(run.state == "failed" for run in last.values())
    sub = f"{len(schedules)} in all" + (f", {failing} failed the last time" if failing else "")
    with card("Scheduled reports", sub, key="schedules", fill=False):
        st.dataframe(
            [_row(one, last.get(one.schedule_id), now) for one in schedules],
            hide_index=True,
            row_height=36,
            height="content",
            key=_TABLE,
            on_select=lambda: _opened(schedules),
            selection_mode="single-row",
            alt="Scheduled reports",
            column_config={
                "Schedule": st.column_config.TextColumn(width="medium"),
                "When": st.column_config.TextColumn(width="medium"),
            },
        )
        st.caption("Click a row for its ledger, a preview, and changes.")
    wanted = st.query_params.get(KEY, "")
    return next((one for one in schedules if str(one.schedule_id) == wanted), None)


def _row(schedule: Schedule, last: Run | None, now: datetime) -> dict[str, str]:
    plan = schedule.plan
    return {
        "Schedule": plan.name,
        "Last run": words.STATES[last.state] if last else "–",
        "Next run": words.moment(schedule.next_due(now), schedule.zone) if schedule.active else "Paused",
        "Sends": words.what(plan),
        "As": words.FORMATS[plan.file_format],
        "To": plan.channel,
        "When": f"{in_words(plan.cron)}, {plan.time_zone}",
    }


def _opened(schedules: list[Schedule]) -> None:
    state: Any = st.session_state[_TABLE]
    if state["selection"]["rows"]:
        st.query_params[KEY] = str(schedules[state["selection"]["rows"][0]].schedule_id)
    else:
        st.query_params.pop(KEY, None)
