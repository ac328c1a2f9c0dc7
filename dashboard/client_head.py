"""The head of a client's page: who it is, since when, and how to keep the page."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from core import formats
from core.reports.declaration import Meta

IDENTITIES = {
    "pubkey": "named by the public key it authenticated with",
    "key": "named by a configured key",
    "address": "named by a keyed hash of its address",
}


def head(summary: pd.Series, meta: Meta) -> None:
    """`summary`: the row of the report `client`."""
    name = f"<b>{escape(str(summary['name']))}</b> " if isinstance(summary["name"], str) else ""
    how = IDENTITIES.get(str(summary["identity"]), "")
    facts = [
        ("First seen", _moment(summary["first_seen"])),
        ("Last seen", _moment(summary["last_seen"])),
        ("Active", f"{formats.count(summary['active_hours'])} hours of this range"),
        ("Connections ended", formats.count(summary["sessions"])),
        ("Mean length", formats.duration(summary["session_mean_seconds"])),
    ]
    cells = "".join(f"<span>{escape(label)}</span><b>{escape(value)}</b>" for label, value in facts)
    with st.container(key="card-client-head"):
        st.html(
            f'<div class="client-id">{name}<code>{escape(str(summary["client_id"]))}</code>'
            f'<span class="dim">{escape(how)}</span></div><div class="client-facts">{cells}</div>'
            f'<div class="client-range">{meta.start:%Y-%m-%d %H:%M} to {meta.end:%Y-%m-%d %H:%M} '
            f"{escape(meta.time_zone)}; made {meta.generated_at:%Y-%m-%d %H:%M} UTC</div>"
        )


def _moment(value: Any) -> str:
    return formats.MISSING if pd.isna(value) else f"{value:%Y-%m-%d %H:%M}"
