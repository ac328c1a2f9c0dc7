"""The pages: their files (relative to Home.py), names, icons, and the roles that may see them."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core.accounts.users import User

STAFF = ("admin", "analyst", "business")


@dataclass(frozen=True)
class Entry:
    """One page of the navigation."""

    section: str
    file: str
    title: str
    icon: str
    roles: tuple[str, ...]
    default: bool = False


ENTRIES = (Entry("Analytics", "pages/realtime.py", "Realtime", ":material/sensors:", STAFF, default=True),)


def pages(user: User | None) -> dict[str, list[StreamlitPage]]:
    """Every page by section; those the user's role does not include are registered but not shown."""
    sections: dict[str, list[StreamlitPage]] = {}
    for entry in ENTRIES:
        visible = user is not None and user.role in entry.roles
        page = st.Page(
            entry.file,
            title=entry.title,
            icon=entry.icon,
            default=entry.default,
            visibility="visible" if visible else "hidden",
        )
        sections.setdefault(entry.section, []).append(page)
    return sections
