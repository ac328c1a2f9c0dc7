"""Admin: the state of the database and of the jobs, what is kept how long, and the settings (never a secret)."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from core import formats
from core.accounts.users import User
from core.jobs import Job
from core.jobs.health import health
from core.reports.storage_state import storage_state
from core.settings import Settings, get_settings
from dashboard.components import Fact, card, notice, strip
from dashboard.places import database, now


def show(_: User) -> None:
    """The section."""
    settings = get_settings()
    state = storage_state(database(), now())
    work = health(database(), now())
    for trouble in work.troubles:
        notice(trouble, "", grave=False)
    with st.container(key="card-strip"):
        strip(
            [
                Fact("Database", formats.size(state.bytes), state.server),
                Fact("Raw events kept", f"{settings.raw_retention_days} days", "then they go; sums stay"),
                Fact("Schema", str(state.schema_version), "migrations applied"),
                Fact(
                    "Complete up to",
                    f"{state.complete_up_to:%H:%M:%S}" if state.complete_up_to else formats.MISSING,
                    f"{state.complete_up_to:%Y-%m-%d} UTC" if state.complete_up_to else "nothing was measured yet",
                ),
            ]
        )
    with card("Jobs", work.line, key="jobs"):
        st.dataframe(
            [_row(job, work.at) for job in work.jobs],
            hide_index=True,
            row_height=32,
            key="ad-jobs",
            alt="Jobs",
            column_config={
                "last": st.column_config.DatetimeColumn("Last run (UTC)", format="YYYY-MM-DD HH:mm:ss"),
                "next": st.column_config.DatetimeColumn("Next run (UTC)", format="YYYY-MM-DD HH:mm:ss"),
                "description": st.column_config.TextColumn("What it does", width="medium"),
                **{name: name.capitalize() for name in ("job", "outcome", "runs", "failures")},
            },
        )
    left, right = st.columns([1, 1.4], gap="small")
    with left, card("Tables", "the largest, with their indexes", key="tables"):
        st.dataframe(
            [{"table": name, "size": size} for name, size in state.tables],
            hide_index=True,
            row_height=32,
            height=420,
            key="ad-tables",
            alt="Sizes of tables",
            column_config={"table": "Table", "size": st.column_config.NumberColumn("Size", format="bytes")},
        )
    with (
        right,
        card(
            "Settings in force", "docs/settings.md has all of them; they are changed in the environment", key="settings"
        ),
    ):
        st.dataframe(
            shown(settings),
            hide_index=True,
            row_height=32,
            height=420,
            key="ad-settings",
            alt="Settings",
            column_config={
                "setting": "Setting",
                "value": st.column_config.TextColumn("Value", width="medium"),
                "meaning": "Meaning",
            },
        )


def _row(job: Job, at: datetime) -> dict[str, object]:
    return {
        "job": job.name,
        "description": job.description,
        "last": job.started_at,
        "outcome": job.error if job.outcome == "failed" else job.result or job.outcome or "never ran",
        "next": job.next_at(at),
        "runs": job.runs,
        "failures": job.failures,
    }


def shown(settings: Settings) -> list[dict[str, str]]:
    """Name, value and meaning of each setting; of a secret only whether it is set."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        secret = "SecretStr" in str(field.annotation)  # pragma: allowlist secret
        text = ("set" if value else "unset") if secret else "unset" if value is None else str(value)
        rows.append({"setting": name.upper(), "value": text, "meaning": (field.description or "").replace("`", "")})
    return rows
