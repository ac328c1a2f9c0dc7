"""A view becomes a scheduled report in the browser: saved with its filters, previewed, sent, and in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from core.audit import Actor
from core.delivery import registry
from core.delivery.message import standalone
from core.schedules import ledger, running, store
from core.schedules.schedule import Plan
from core.settings import Settings
from tests.browser.conftest import SHOTS, Served, opened, settled, shot
from tests.browser.test_history import LOOKS, look, serious_violations

ADMIN = Actor("eve", "page")


@pytest.fixture(scope="module")
def scheduled(weeks: Served) -> Served:
    """A channel, and a schedule with an entry of each kind that matters."""
    now = datetime.now(UTC)
    registry.add(weeks.database, ADMIN, "books", "directory", "monthly", now)
    plan = Plan("Weekly errors for the operators", "errors", "0 7 * * 1", "last-week", "html", "books")
    made = store.add(weeks.database, ADMIN, store.OPERATOR, plan, now)
    run = ledger.send_now(weeks.database, ADMIN, store.OPERATOR, made.schedule_id, now)
    ledger.finish(weeks.database, run.run_id, "failed", now, error="mail.example.org answered 550: no such mailbox")
    return weeks


def test_a_view_is_scheduled_previewed_and_sent(ada: Page, scheduled: Served, tmp_path: Path) -> None:
    ada.goto(f"{scheduled.url}traffic?type=EVENT&range=30d")
    settled(ada)
    ada.get_by_role("button", name="Share", exact=True).click()
    ada.get_by_role("link", name="Schedule this view").click()
    expect(ada.get_by_role("textbox", name="Name")).to_have_value("Monthly traffic")
    ada.get_by_role("radio", name="Every day").click()
    expect(ada.get_by_text("At 06:00 every day.", exact=False)).to_be_visible()
    name = ada.get_by_role("textbox", name="Name")
    name.fill("Events of the day before")
    name.press("Enter")
    ada.get_by_role("button", name="Save").click()
    expect(ada.get_by_text("Traffic of the day before, only event type EVENT")).to_be_visible()
    (saved,) = [one for one in store.listing(scheduled.database) if one.owner == "ada"]
    assert (saved.plan.covers, dict(saved.plan.filters)) == ("yesterday", {"event_type": "EVENT"})

    ada.get_by_role("button", name="Preview", exact=True).click()
    dialog = ada.get_by_role("dialog")
    expect(dialog.get_by_text("Traffic,", exact=False).first).to_be_visible()
    expect(dialog.frame_locator("iframe").get_by_text("Event type: EVENT")).to_be_visible()
    shot(ada, "schedules_preview")
    dialog.get_by_role("button", name="Close").click()

    ada.get_by_role("button", name="Send now", exact=True).click()
    expect(ada.get_by_text("Queued; the worker sends it.")).to_be_visible()
    (run,) = ledger.listing(scheduled.database, saved.schedule_id)
    options = Settings(_env_file=None, delivery_dir=tmp_path)
    running.run(scheduled.database, options, run.run_id, datetime.now(UTC))
    assert [path.suffix for path in (tmp_path / "monthly").iterdir()] == [".pdf"]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("view", ["schedule=1", "new=client", "edit=1"])
def test_every_view_fits_and_puts_no_obstacle_in_the_way(
    browser: Browser, scheduled: Served, view: str, scheme: Literal["light", "dark"], width: int
) -> None:
    look(browser, scheduled, f"schedules?{view}", scheme, width, f"schedules_{view.partition('=')[0]}")


@pytest.mark.parametrize("report", ["bandwidth", "clients"])
def test_a_mail_fits_wide_and_narrow_and_can_be_read_by_everyone(
    browser: Browser, scheduled: Served, report: str
) -> None:
    plan = Plan(f"Weekly {report}", report, "0 7 * * 1", "last-7-days", "html", "books", skip_empty=True)
    message = running.preview(scheduled.database, Settings(_env_file=None), plan, datetime.now(UTC))
    assert message.html is not None
    assert len(message.html) < 100_000, "Gmail cuts off what is longer than 102 kB"
    for width in (720, 400):
        context = browser.new_context(viewport={"width": width, "height": 900})
        tab = opened(context)
        tab.set_content(standalone(message.html, message.images))
        assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        assert not serious_violations(tab)
        SHOTS.mkdir(exist_ok=True)
        tab.screenshot(path=SHOTS / f"mail_{report}_{width}.png", full_page=True)
        context.close()
