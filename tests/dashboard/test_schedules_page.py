"""The Schedules page: making, changing, sending and removing, by whom it may be done, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import audit
from core.audit import Actor
from core.delivery import registry
from core.schedules import ledger, running, store
from core.schedules.schedule import Plan, Schedule
from core.settings import get_settings
from core.storage.database import Database
from tests.dashboard.conftest import OpenApp
from tests.dashboard.test_admin_page import sent
from tests.dashboard.test_realtime_page import html
from tests.support.traffic import messages, samples, write

NOW = datetime.now(UTC)
PLAN = Plan("Daily traffic", "traffic", "0 6 * * *", "yesterday", "html", "files", "UTC", {"event_type": "REQ"})


@pytest.fixture
def files(people: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A channel named `files`; what is delivered through it."""
    monkeypatch.setenv("DELIVERY_DIR", str(tmp_path))
    get_settings.cache_clear()
    registry.add(people, Actor("admin", "page"), "files", "directory", "in", NOW)
    return tmp_path / "in"


def made(people: Database, **differs: object) -> Schedule:
    return store.add(people, Actor("admin", "page"), store.OPERATOR, replace(PLAN, **differs), NOW)  # type: ignore[arg-type]


def opened(app: AppTest, **query: str) -> AppTest:
    app.run()
    for name, value in query.items():
        app.query_params[name] = value
    page = app.switch_page("pages/schedules.py").run()
    assert not page.exception
    return page


def labelled(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return sent(page)


def test_without_a_channel_it_says_what_comes_first(app: OpenApp, people: Database) -> None:
    page = opened(app("admin"))
    assert "First add a channel" in html(page)


def test_without_schedules_it_says_how_to_begin(app: OpenApp, files: Path) -> None:
    assert "Nothing is scheduled yet" in html(opened(app("business")))


def test_a_view_is_scheduled_with_its_report_and_filters(app: OpenApp, people: Database, files: Path) -> None:
    page = opened(app("analyst"), new="errors", event_type="EVENT", error_code="rate-limited", tz="Europe/Berlin")
    assert "covers 1 to" in html(page)
    labelled(page, "Save")
    (saved,) = store.listing(people)
    assert saved.plan == Plan(
        "Monthly errors", "errors", "0 6 1 * *", "last-month", "pdf", "files", "Europe/Berlin",
        {"event_type": "EVENT", "error_code": "rate-limited"},
    )  # fmt: skip
    assert saved.owner == "analyst"
    (entry,) = audit.entries(people, action="schedule.add")
    assert (entry.actor, entry.via) == ("analyst", "page")


def test_a_link_with_nonsense_opens_the_form_without_it(app: OpenApp, files: Path) -> None:
    page = opened(app("analyst"), new="errors", kind="abc", tz="Mars/Base", event_type="NONE", colour="red")
    assert page.text_input(key="sc-new-errors-kind").value == ""
    assert page.selectbox(key="sc-new-zone").value == "UTC"
    assert page.selectbox(key="sc-new-errors-event_type").value is None
    assert "Schedules" in html(opened(app("analyst"), edit="999999"))


def test_what_cannot_be_saved_is_said(app: OpenApp, people: Database, files: Path) -> None:
    made(people)
    page = opened(app("admin"), new="traffic")
    page.text_input(key="sc-new-name").set_value("Daily traffic")
    sent(page)
    page = labelled(page, "Save")
    assert "already" in page.error[0].value
    assert len(store.listing(people)) == 1


def test_another_rhythm_covers_what_goes_with_it(app: OpenApp, people: Database, files: Path) -> None:
    page = opened(app("admin"), new="traffic")
    next(control for control in page.button_group if control.label == "When").set_value("Every week")
    page = sent(page)
    assert "At 06:00 on Monday" in html(page)
    labelled(page, "Save")
    (saved,) = store.listing(people)
    assert (saved.plan.cron, saved.plan.covers) == ("0 6 * * 1", "last-week")


def test_a_change_begins_with_what_there_is(app: OpenApp, people: Database, files: Path) -> None:
    number = made(people, cron="*/20 3 * * *", covers="last-45-days").schedule_id
    page = opened(app("admin"), edit=str(number))
    assert page.text_input(key=f"sc-{number}-cron").value == "*/20 3 * * *"
    page.text_input(key=f"sc-{number}-name").set_value("Another name")
    labelled(sent(page), "Save")
    assert store.get(people, number).plan == replace(
        PLAN, name="Another name", cron="*/20 3 * * *", covers="last-45-days"
    )


def test_sending_and_pausing(app: OpenApp, people: Database, files: Path) -> None:
    write(people, messages(NOW - timedelta(days=1), 5), samples(NOW))
    number = made(people).schedule_id
    page = opened(app("admin"), schedule=str(number))
    assert "Nothing was due yet." in [caption.value for caption in page.caption]
    page = labelled(page, "Send now")
    (run,) = ledger.listing(people)
    running.run(people, get_settings(), run.run_id, NOW)
    page = labelled(page, "Pause")
    assert not store.get(people, number).active
    assert "Paused" in html(page)
    frames = [frame.value for frame in page.dataframe]
    assert frames[0]["Last run"].tolist() == ["● Delivered"]
    assert frames[1]["State"].tolist() == ["● Delivered"]
    assert [path.suffix for path in files.iterdir()] == [".html"]


def test_an_error_is_shown_where_it_belongs(app: OpenApp, people: Database, files: Path) -> None:
    number = made(people).schedule_id
    run = ledger.send_now(people, Actor("admin", "page"), store.OPERATOR, number, NOW)
    ledger.finish(people, run.run_id, "failed", NOW, error="hook.example.org answered 404: gone")
    page = opened(app("business"), schedule=str(number))
    frames = [frame.value for frame in page.dataframe]
    assert frames[0]["Last run"].tolist() == ["✕ Failed"]
    assert frames[1]["What became of it"].tolist() == ["hook.example.org answered 404: gone"]
    assert "1 failed the last time" in html(page)


def test_a_preview_is_what_would_be_sent(app: OpenApp, people: Database, files: Path) -> None:
    write(people, messages(NOW - timedelta(days=1), 5), samples(NOW))
    page = labelled(opened(app("business"), schedule=str(made(people).schedule_id)), "Preview")
    assert not page.exception
    assert any(text.value.startswith("**Traffic,") for text in page.markdown)
    assert not files.exists()


def test_what_belongs_to_others_is_shown_and_cannot_be_changed(app: OpenApp, people: Database, files: Path) -> None:
    number = made(people).schedule_id
    page = opened(app("business"), schedule=str(number))
    for label in ("Send now", "Pause", "Edit"):
        assert next(button for button in page.button if button.label == label).disabled
    for label in ("Preview",):
        assert not next(button for button in page.button if button.label == label).disabled


@pytest.mark.parametrize("name", ["traffic", "errors", "bandwidth", "performance", "users", "clients", "reports"])
def test_every_report_page_offers_to_schedule_its_view(name: str, app: OpenApp, files: Path) -> None:
    tested = app("analyst")
    tested.run()
    page = tested.switch_page(f"pages/{name}.py").run()
    assert not page.exception
    links = [link.proto for link in page.get("page_link")]
    assert any(link.label == "Schedule this view" and "new=" in link.query_string for link in links)
