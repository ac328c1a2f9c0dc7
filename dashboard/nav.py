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


ENTRIES = (
    Entry("Analytics", "pages/realtime.py", "Realtime", ":material/sensors:", STAFF, default=True),
    Entry("Analytics", "pages/alerts.py", "Alerts", ":material/notifications:", STAFF),
    Entry("Analytics", "pages/traffic.py", "Traffic", ":material/show_chart:", STAFF),
    Entry("Analytics", "pages/users.py", "Users", ":material/group:", STAFF),
    Entry("Analytics", "pages/performance.py", "Performance", ":material/speed:", STAFF),
    Entry("Analytics", "pages/errors.py", "Errors", ":material/error:", STAFF),
    Entry("Analytics", "pages/bandwidth.py", "Bandwidth", ":material/swap_vert:", STAFF),
    Entry("Clients", "pages/clients.py", "Clients", ":material/leaderboard:", STAFF),
    Entry("Clients", "pages/client.py", "Client", ":material/person:", (*STAFF, "client")),
    Entry("Clients", "pages/billing.py", "Billing", ":material/receipt_long:", ("admin", "business")),
    Entry("Share", "pages/reports.py", "Reports", ":material/description:", STAFF),
    Entry("Share", "pages/schedules.py", "Schedules", ":material/schedule_send:", STAFF),
    Entry("Manage", "pages/admin.py", "Admin", ":material/shield_person:", ("admin",)),
)


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
