"""Results of reports for pages: read once for viewers of the same rights, kept on screen while the database is away."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NoReturn

import streamlit as st

from core.accounts.users import User
from core.exceptions import BadParameterError, DatabaseUnavailableError, HoursGoneError
from core.permissions import limited_to, require, resource_of
from core.reports import REPORTS
from core.reports.declaration import Report, Result
from core.tariffs import read_tariff
from dashboard.components import empty_state
from dashboard.filters import Filters
from dashboard.places import database, now

TICK = timedelta(seconds=20)
"""A page that is looked at again within it shows the same reading."""
RETRY = 3.0
_KEPT = "_last_results"
_SAID_AWAY = "_said_that_the_database_is_away"
_MOST_KEPT = 24


def begin() -> None:
    """Called by Home.py in every run, before its page: what a run says once, the next one may say again."""
    st.session_state.pop(_SAID_AWAY, None)


def load(user: User, report: Report, filters: Filters, **more: Any) -> Result:
    """The report for this user and these filters; `more`: arguments that only this report has. See `ask`."""
    try:
        arguments = filters.arguments(report, tick(now())) | more
    except BadParameterError as error:
        _cannot(error)
    return ask(user, report, arguments)


def earlier(user: User, report: Report, filters: Filters, result: Result) -> Result | None:
    """The report over the period before that of `result`; None where nothing is compared. The page says when that is
    because hours of then are gone."""
    if not filters.compare:
        return None
    try:
        arguments = filters.before(result.meta).arguments(report, tick(now()))
        return read(user, report, allowed(user, report, arguments), tick(now()))
    except HoursGoneError as error:
        st.caption(f"Not compared with the period before. {error}")
        return None


def ask(user: User, report: Report, arguments: dict[str, Any]) -> Result:
    """The report for this user and these arguments.

    A range or filter that cannot be used is said on the page, which ends there. While the database is away, the last
    result of this browser tab is shown and said to be old; without one the script starts over at Home.py.
    """
    try:
        return read(user, report, allowed(user, report, arguments), tick(now()))
    except BadParameterError as error:
        _cannot(error)


def _cannot(error: BadParameterError) -> NoReturn:
    empty_state("This cannot be shown", str(error))
    st.stop()


def allowed(user: User, report: Report, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, narrowed to the one client that a client's own user may see. Raises NotAllowedError."""
    resource = resource_of(report.name)
    if resource != "report":
        arguments = arguments | {"client": limited_to(user, arguments.get("client"))}
    require(user, "read", resource, arguments.get("client"))
    return arguments


def read(user: User, report: Report, arguments: dict[str, Any], at: datetime) -> Result:
    """The report as of `at`. Raises BadParameterError."""
    key = (report.name, tuple(sorted(arguments.items())))
    kept: dict[Any, Result] = st.session_state.setdefault(_KEPT, {})
    try:
        result = _read(user.scope, *key, at)
    except DatabaseUnavailableError:
        if key not in kept:
            st.rerun()  # nothing to show yet: Home.py shows that the database is away
        _say_away(kept[key])
        return kept[key]
    kept.pop(key, None)
    kept[key] = result
    while len(kept) > _MOST_KEPT:
        kept.pop(next(iter(kept)))
    return result


def tick(instant: datetime) -> datetime:
    """`instant` rounded down to the tick."""
    return datetime.fromtimestamp(instant.timestamp() // TICK.total_seconds() * TICK.total_seconds(), instant.tzinfo)


@st.cache_data(ttl=120, max_entries=256, show_spinner=False)
def _read(scope: str, name: str, arguments: tuple[tuple[str, Any], ...], at: datetime) -> Result:
    """`scope` is part of the cache's key: nobody gets what another role may see."""
    given = dict(arguments)
    if "tariff" in given:
        given["tariff"] = read_tariff(given["tariff"])  # as text, so that it can be part of the key
    return REPORTS[name](database(), now=at, **given)


def _say_away(result: Result) -> None:
    """Once per run: how old the numbers are, and a look every few seconds whether the database is back."""
    if st.session_state.get(_SAID_AWAY):
        return
    st.session_state[_SAID_AWAY] = True
    st.warning(
        f"The database does not answer. These are the numbers of {result.meta.generated_at:%H:%M:%S} UTC; "
        "the page goes on by itself. Traffic is still forwarded and kept on disk.",
        icon=":material/cloud_off:",
    )
    _look_again()


@st.fragment(run_every=RETRY)
def _look_again() -> None:
    try:
        with database().borrow() as connection:
            connection.execute("SELECT 1")
    except DatabaseUnavailableError:
        return
    st.rerun()
