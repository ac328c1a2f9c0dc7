"""Annotations and retention on pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core import annotations as noted
from core import audit
from core.audit import Actor
from core.retention import policies
from core.settings import Settings
from core.storage.database import Database
from tests.dashboard.conftest import OpenApp
from tests.dashboard.test_admin_page import section, sent


def test_an_annotation_is_added_and_removed_by_an_administrator(app: OpenApp, people: Database) -> None:
    page = section(app("admin"), "annotations")
    page.text_input[0].set_value("strfry 1.1 deployed")
    next(button for button in page.button if button.label == "Annotate").click()
    sent(page)
    assert not page.exception
    around = (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1))
    (one,) = noted.listing(people, *around)
    assert (one.text, one.author, one.kind) == ("strfry 1.1 deployed", "admin", "note")
    page = section(app("admin"), "annotations")
    page.selectbox("ad-annotation").set_value(one.annotation_id)
    sent(page)
    page.button("ad-unannotate").click()
    sent(page)
    assert noted.listing(people, *around) == []


def test_a_policy_is_changed_and_what_would_go_is_counted(app: OpenApp, people: Database) -> None:
    audit.record(people, Actor("ben", "page"), "export.events", datetime(2020, 1, 1, tzinfo=UTC))
    page = section(app("admin"), "retention")
    page.selectbox[0].set_value("audit")
    page.number_input[0].set_value(365)
    next(button for button in page.button if button.label == "Keep so long").click()
    sent(page)
    assert not page.exception
    kept = {one.name: one for one in policies.policies(people, Settings(_env_file=None))}["audit"]
    assert (kept.days, kept.changed_by) == (365, "admin")
    page = section(app("admin"), "retention")
    page.button("ad-plan").click()
    sent(page)
    assert any("audit_log" in str(frame.value.to_dict()) for frame in page.dataframe)
