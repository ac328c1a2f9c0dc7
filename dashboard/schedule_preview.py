"""What a schedule would send, without sending it."""

from __future__ import annotations

import streamlit as st

from core.accounts.users import User
from core.delivery.message import Message, standalone
from core.exceptions import RelayAnalyticsError
from core.schedules import running, store
from core.schedules.schedule import Plan
from core.settings import get_settings
from dashboard import auth
from dashboard.places import database, now

HEIGHT = 620


def show(user: User, plan: Plan) -> None:
    """Make the message of the days that would be covered now, and show it in a dialog."""
    try:
        plan = plan.checked()
        store.may(user, plan)
        with st.spinner("Reading the report and drawing it …"):
            message = running.preview(database(), get_settings(), plan, now())
    except RelayAnalyticsError as error:
        st.error(str(error), icon=":material/error:")
    else:
        _dialog(user, message)


@st.dialog("Preview", width="large", icon=":material/visibility:")
def _dialog(user: User, message: Message) -> None:
    auth.recheck(user)
    st.markdown(f"**{message.title}**".replace("$", r"\$"))
    files = [file for file in message.attachments if file.content_id is None]
    if files:
        with st.container(horizontal=True, gap="small"):
            for file in files:
                st.download_button(
                    f"{file.name} · {len(file.content) / 1000:,.0f} kB",
                    file.content,
                    file.name,
                    file.media_type,
                    icon=":material/attach_file:",
                    key=f"sc-file-{file.name}",
                    on_click="ignore",
                )
        st.caption("A mail with these files says:")
    if message.html is not None:
        st.iframe(standalone(message.html, message.images), height=HEIGHT, alt="The mail")
