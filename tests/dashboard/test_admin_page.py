"""The Admin page: users, tokens, the system, the audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import audit
from core.accounts import tokens, users
from core.delivery import registry
from core.settings import Settings, get_settings
from core.storage.database import Database
from dashboard import admin_system
from tests.dashboard.conftest import OpenApp
from tests.dashboard.test_realtime_page import html


def sent(page: AppTest) -> AppTest:
    """Run the page with what was filled in, as Home.py routes it: without, its guard starts over and drops clicks."""
    page.session_state["_routed_by_home"] = True
    return page.run()


def section(app: AppTest, name: str) -> AppTest:
    app.run()
    app.query_params["section"] = name
    return app.switch_page("pages/admin.py").run()


def test_an_administrator_adds_a_user_and_it_is_recorded(app: OpenApp, people: Database) -> None:
    page = section(app("admin"), "users")
    name, password, client, *_ = page.text_input
    name.set_value("Zoe")
    password.set_value("a long enough secret")
    client.set_value("")
    next(button for button in page.button if button.label == "Add").click()
    sent(page)
    assert not page.exception
    added = users.get(people, "zoe")
    assert added is not None
    assert added.role == "analyst"
    (entry,) = audit.entries(people, action="user.add")
    assert (entry.actor, entry.via, entry.details["user"]) == ("admin", "page", "Zoe")


def test_what_cannot_be_done_is_said_and_recorded(app: OpenApp, people: Database) -> None:
    page = section(app("admin"), "users")
    page.text_input[0].set_value("analyst")
    page.text_input[1].set_value("a long enough secret")
    next(button for button in page.button if button.label == "Add").click()
    sent(page)
    assert page.error
    assert next(iter(audit.entries(people, action="user.add"))).action == "user.add.refused"


def test_a_token_is_shown_once(app: OpenApp, people: Database) -> None:
    page = section(app("admin"), "tokens")
    page.text_input[0].set_value("grafana")
    next(button for button in page.button if button.label == "Create").click()
    sent(page)
    shown = [code.value for code in page.code]
    assert len(shown) == 1
    principal = tokens.authenticate(people, shown[0], datetime.now(UTC))
    (listed,) = tokens.listing(people)
    assert (principal.token_id, listed.label) == (listed.token_id, "grafana")
    assert listed.expires_at is not None
    assert abs(listed.expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=5)
    sent(page)
    assert not page.code


def test_a_revoked_token_ends(app: OpenApp, people: Database) -> None:
    tokens.issue(people, "analyst", datetime.now(UTC), label="old")
    page = section(app("admin"), "tokens")
    choice = next(box for box in page.selectbox if box.label == "Token")
    choice.set_value(choice.options[0])
    sent(page)
    page.button("ad-revoke").click()
    sent(page)
    assert tokens.listing(people)[0].state(datetime.now(UTC)) == "revoked"


def test_a_webhook_is_added_and_its_secret_shown_once(app: OpenApp, people: Database) -> None:
    page = section(app("admin"), "channels")
    next(control for control in page.button_group if control.label == "Kind").set_value("webhook")
    sent(page)
    name, address = page.text_input
    name.set_value("billing")
    address.set_value("https://example.org/hook?token=abc")
    next(button for button in page.button if button.label == "Add").click()
    sent(page)
    assert not page.exception
    channel = registry.named(people, "billing")
    assert channel.secret is not None
    assert [code.value for code in page.code] == [channel.secret.get_secret_value()]
    assert [frame.value["delivers to"].tolist() for frame in page.dataframe] == [["https://example.org/…"]]
    sent(page)
    assert not page.code


def test_a_channel_is_changed_and_keeps_what_is_left_empty(app: OpenApp, people: Database) -> None:
    actor = audit.Actor("admin", "page")
    made = registry.add(people, actor, "hook", "webhook", "https://example.org/hook?token=abc", datetime.now(UTC))
    page = section(app("admin"), "channels")
    next(box for box in page.selectbox if box.label == "Channel").set_value("hook")
    sent(page)
    address = next(field for field in page.text_input if field.label.startswith("Address; empty"))
    assert (address.value, address.placeholder) == ("", "https://example.org/…")
    address.set_value("https://example.net/in")
    next(button for button in page.button if button.label == "Change").click()
    sent(page)
    moved = registry.named(people, "hook")
    assert (moved.address, moved.secret) == ("https://example.net/in", made.secret)
    page.checkbox[0].check()
    next(button for button in page.button if button.label == "Change").click()
    sent(page)
    renewed = registry.named(people, "hook")
    assert renewed.address == moved.address
    assert renewed.secret not in (None, made.secret)
    assert [code.value for code in page.code] == [renewed.secret.get_secret_value() if renewed.secret else ""]


def test_a_test_says_what_became_of_it(
    app: OpenApp, people: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DELIVERY_DIR", str(tmp_path))
    get_settings.cache_clear()
    registry.add(people, audit.Actor("admin", "page"), "files", "directory", "in", datetime.now(UTC))
    page = section(app("admin"), "channels")
    next(box for box in page.selectbox if box.label == "Channel").set_value("files")
    sent(page)
    page.button("ad-test").click()
    sent(page)
    assert "Delivered: wrote" in page.success[0].value
    assert len(list((tmp_path / "in").iterdir())) == 1


def test_the_log_shows_what_was_done(app: OpenApp, people: Database) -> None:
    assert "Nothing was exported or administered yet" in html(section(app("admin"), "audit"))
    audit.record(people, audit.Actor("ben", "page"), "export.events", datetime.now(UTC), query={"start": "2026-01-01"})
    page = section(app("admin"), "audit")
    (frame,) = page.dataframe
    assert frame.value["what"].tolist() == ["export.events"]
    assert frame.value["who"].tolist() == ["ben"]


def test_the_system_shows_sizes_and_no_secret(app: OpenApp, people: Database) -> None:
    page = section(app("admin"), "system")
    assert not page.exception
    assert "PostgreSQL" in html(page)
    text = str([frame.value.to_dict() for frame in page.dataframe])
    assert "traffic_events_raw" in text
    assert people.dsn not in text


def test_settings_are_shown_with_secrets_left_out() -> None:
    settings = Settings(database_url="postgresql://u:hush@h:1/d", _env_file=None)
    rows = {row["setting"]: row["value"] for row in admin_system.shown(settings)}
    assert rows["DATABASE_URL"] == "set"
    assert "hush" not in str(rows)
    assert rows["TAP_PORT"] == "7777"


@pytest.mark.parametrize("role", ["analyst", "business", "client"])
def test_nobody_else_administers(app: OpenApp, role: str) -> None:
    page = section(app(role), "users")
    assert any("role does not include" in error.value for error in page.error)
    assert not page.dataframe
