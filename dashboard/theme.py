"""Look: the style sheet, the logo, the notice on demo data. Colours live in `.streamlit/config.toml`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.settings import ROOT
from dashboard.places import database

STATIC = ROOT / "static"
FAVICON = str(STATIC / "favicon.png")
_STYLE = Path(__file__).with_name("theme.css")


def apply() -> None:
    """Called once per run, before anything is drawn."""
    st.html(_STYLE)
    dark = st.context.theme.type == "dark"
    st.logo(str(STATIC / f"logo-{'dark' if dark else 'light'}.svg"), size="large", icon_image=str(STATIC / "mark.svg"))


def demo_notice() -> None:
    """On every page that shows demo data: a note in the sidebar (the page header carries a badge too)."""
    if database().demo:
        with st.sidebar:
            st.html(
                '<div class="demo-note"><b>Demo data</b>This relay and its clients are simulated. '
                "Set <code>RELAY_URL</code> to watch your own.</div>"
            )
