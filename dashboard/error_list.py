"""The list of errors: one row per message that went wrong, with the relay's own words."""

from __future__ import annotations

from datetime import date
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from core import formats

_GRAVE = {"failed", "unanswered", "abandoned"}


def error_list(errors: pd.DataFrame, today: date) -> None:
    """Draw `latest_errors` of the realtime report. Times of other days than `today` carry their date."""
    several_relays = errors["relay"].nunique() > 1
    heads = ["Time", "Type", "Error", "What the relay said", '<th class="extra">Client</th>']
    heads += ['<th class="extra num">After</th>'] + (['<th class="extra">Relay</th>'] if several_relays else [])
    head = "".join(name if name.startswith("<") else f"<th>{name}</th>" for name in heads)
    body = "".join(_row(row, today, several_relays) for row in errors.itertuples())
    st.html(
        f'<div class="rows-box" tabindex="0"><table class="rows-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(row: Any, today: date, several_relays: bool) -> str:
    moment = row.timestamp
    clock = f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%d %b %H:%M}"
    kind = "" if pd.isna(row.kind) else f' <span class="dim">kind {row.kind}</span>'
    code = row.error_code if isinstance(row.error_code, str) else row.outcome
    grave = "red" if row.outcome in _GRAVE else ""
    reason = row.reason if isinstance(row.reason, str) and row.reason else row.outcome
    client = str(row.client_id)
    short = client if len(client) <= 18 else f"{client[:10]}…{client[-5:]}"
    relay = f'<td class="extra dim">{escape(str(row.relay))}</td>' if several_relays else ""
    return (
        f'<tr><td class="mono" title="{escape(moment.isoformat())}">{clock}</td>'
        f"<td>{escape(str(row.event_type))}{kind}</td>"
        f'<td><span class="pill {grave}" title="{escape(str(row.outcome))}">{escape(str(code))}</span></td>'
        f'<td class="wide" title="{escape(reason)}">{escape(reason)}</td>'
        f'<td class="extra mono dim" title="{escape(client)}">{escape(short)}</td>'
        f'<td class="extra num">{formats.milliseconds(row.response_time_ms)}</td>{relay}</tr>'
    )
