"""The script Streamlit runs: look, login gate, navigation. Each page also guards itself (see dashboard/auth.py)."""

import streamlit as st

from core.exceptions import DatabaseUnavailableError
from dashboard import auth, data, login, nav, theme

st.set_page_config(page_title="Relay Analytics", page_icon=theme.FAVICON, layout="wide", initial_sidebar_state="auto")
theme.apply()

try:
    user = auth.current_user()
    away = False
except DatabaseUnavailableError:
    user, away = None, True

# In every run, signed in or not, and with every page: so a deep link keeps its page and query string through sign-in.
page = st.navigation(nav.pages(user), position="sidebar" if user else "hidden", expanded=True)
if away:
    login.unavailable()
    st.stop()
if user is None:
    login.form()
    st.stop()
theme.demo_notice()
auth.account_menu(user)
auth.mark_routed()
data.begin()
page.run()
