"""The page of alerts, and the strip of open ones on the realtime page: what whom is shown, and what they may change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.alerts import store
from core.records import Waiting
from core.storage.database import Database
from tests.alerts.conftest import World, only
from tests.alerts.test_evaluation import ERRORS
from tests.dashboard.conftest import OpenApp
from tests.dashboard.test_admin_page import sent


@pytest.fixture
def incident(people: Database) -> int:
    """One that is open: a client whose messages fail."""
    world = World(people)
    world.now = datetime.now(UTC) - timedelta(seconds=100)
    with only(ERRORS):
        world.pass_(100, 10, outcome="rejected", error_code="blocked", client="loud")
    return world.incidents[0].incident_id


def html(page: AppTest) -> str:
    return " ".join(str(each.value if hasattr(each, "value") else each.proto.body) for each in page.get("html"))


def opened(app: OpenApp, username: str, **query: str) -> AppTest:
    st.cache_data.clear()
    page = app(username)
    for name, value in query.items():
        page.query_params[name.replace("_", "-")] = value
    page.switch_page("pages/alerts.py")
    page.run()
    assert not page.exception
    return page


def press(page: AppTest, key: str) -> None:
    page.button(key=key).click()
    sent(page)


def test_an_open_incident_says_what_and_why(app: OpenApp, incident: int) -> None:
    page = opened(app, "business")
    shown = html(page)
    for words in ("Errors", "client loud", "code blocked", "Nobody was told."):
        assert words in shown
    assert [button.label for button in page.button if str(button.key).startswith("al-")] == []


def test_every_kind_of_incident_can_be_shown(app: OpenApp, people: Database) -> None:
    world = World(people)
    world.now = datetime.now(UTC) - timedelta(seconds=100)
    waiting = [Waiting("EVENT", 900, "loud", "trystero", 21000)]
    world.pass_(30, 100, sample_disk_percent=95.0)
    world.pass_(70, 0, sample_events=100, sample_pending=1000, sample_waiting=waiting, sample_disk_percent=95.0)
    assert {each.rule.name for each in world.incidents} == {"answers-stopped", "disk"}
    shown = html(opened(app, "admin"))
    assert "app trystero" in shown
    assert "of the database" in shown


def test_an_analyst_acknowledges_and_an_admin_mutes(app: OpenApp, people: Database, incident: int) -> None:
    page = opened(app, "analyst")
    page.button(key=f"al-seen-{incident}").click().run()
    assert store.incident(people, incident).acknowledged_by == "analyst"
    page = opened(app, "admin")
    page.button(key=f"al-mute-{incident}").click().run()
    assert store.rule_named(people, "errors").muted(datetime.now(UTC))


def test_nobody_looking_is_said(app: OpenApp, people: Database) -> None:
    assert "Nobody looks at the rules" in html(opened(app, "analyst"))
    with people.borrow() as connection:
        connection.execute("UPDATE alert_round SET at = now()")
    assert "Nothing is wrong" in html(opened(app, "analyst"))


def test_rules_are_shown_to_all_and_changed_by_admins(app: OpenApp, people: Database) -> None:
    page = opened(app, "business", alert_section="Rules")
    assert "The disk is nearly full" in html(page)
    assert "Administrators change rules." in [caption.value for caption in page.caption]
    page = opened(app, "admin", alert_section="Rules", al_rule="The disk is nearly full")
    page.number_input(key="al-disk-threshold").set_value(95.0)
    press(page, "al-preview")
    assert "Nothing is known of these days." in [info.value for info in page.info]
    press(page, "al-save")
    assert not page.exception
    kept = store.rule_named(people, "disk")
    assert (kept.rule.threshold, kept.origin, kept.changed_by) == (95.0, "edited", "admin")


def test_what_cannot_be_is_said(app: OpenApp) -> None:
    page = opened(app, "admin", alert_section="Rules", al_rule="The disk is nearly full")
    page.number_input(key="al-disk-recover").set_value(99.0)
    press(page, "al-save")
    assert "recover must be on the good side of threshold" in page.error[0].value


def test_the_realtime_page_shows_open_alerts(app: OpenApp, incident: int) -> None:
    st.cache_data.clear()
    page = app("analyst")
    page.run()
    assert not page.exception
    assert f"alerts?incident={incident}" in html(page)
