"""Alerts in the browser: an incident says why, and a rule is made and switched off, by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from core.accounts import users
from core.alerts import store, wording
from tests.alerts.conftest import World, only
from tests.alerts.test_evaluation import ERRORS
from tests.browser.conftest import PASSWORD, SHOTS, Served, opened, serve, settled, state
from tests.browser.test_history import LOOKS, look, serious_violations
from tests.support import servers

MINE = "Many messages of one client"


@pytest.fixture(scope="module")
def incidents(server_dsn: str) -> Iterator[Served]:
    """A dashboard with one incident that is over, and one that is open: a client whose messages fail."""
    with servers.fresh_database(server_dsn) as database:
        users.add(database, "eve", PASSWORD, datetime.now(UTC), role="admin", name="Eve")
        world = World(database)
        with only(ERRORS):
            for ago, length in ((timedelta(minutes=40), 100), (timedelta(seconds=100), 100)):
                world.now = datetime.now(UTC) - ago
                world.pass_(length, 10, outcome="rejected", error_code="blocked", client="key:loud")
                if ago > timedelta(minutes=10):
                    world.pass_(400, 10, client="key:quiet")
        assert [each.open for each in world.incidents] == [True, False]
        with serve(database) as running:
            yield running


@pytest.fixture
def eve(browser: Browser, incidents: Served) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, storage_state=state(incidents, "eve"))
    yield opened(context)
    context.close()


def tab_to(page: Page, name: str, most: int = 120) -> None:
    """Press Tab until the control of this name has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const at = document.activeElement;"
            " return ['BUTTON', 'INPUT'].includes(at.tagName)"
            " ? (at.getAttribute('aria-label') || at.labels?.[0]?.innerText || at.innerText).trim() : ''; }"
        )
        if focused == name or focused.endswith(f"\n{name}"):
            return
    raise AssertionError(f"Tab does not lead to {name!r}")


def test_an_open_incident_says_why_and_is_acknowledged_by_keyboard(eve: Page, incidents: Served) -> None:
    eve.goto(f"{incidents.url}alerts")
    settled(eve)
    card = eve.locator("[class*=st-key-card-incident-]").first
    for words in ("open for", "What contributed most", "key:loud", "blocked"):
        expect(card).to_contain_text(words)
    tab_to(eve, "Acknowledge")
    eve.keyboard.press("Enter")
    expect(card).to_contain_text("seen by eve")
    (still_open,) = store.incidents(incidents.database, open_only=True)
    assert still_open.acknowledged_by == "eve"
    expect(eve.get_by_text("Past incidents")).to_be_visible()


def test_a_rule_is_made_and_switched_off_by_keyboard(eve: Page, incidents: Served) -> None:
    eve.goto(f"{incidents.url}alerts?alert-section=Rules&al-rule=A+new+rule")
    settled(eve)
    for label, text in (("Name", "one-client"), ("Title", MINE)):
        tab_to(eve, label)
        eve.keyboard.press("ControlOrMeta+A")
        eve.keyboard.type(text)
    eve.keyboard.press("Enter")
    settled(eve)
    tab_to(eve, "Only client")
    eve.keyboard.type("key:loud")
    eve.keyboard.press("Enter")
    settled(eve)
    tab_to(eve, "Save")
    eve.keyboard.press("Enter")
    row = eve.locator(".rows-table tr", has_text=MINE)
    expect(row).to_contain_text("your own")
    made = store.rule_named(incidents.database, "one-client").rule
    assert (made.title, made.filters.client, made.enabled) == (MINE, "key:loud", True)

    eve.goto(f"{incidents.url}alerts?alert-section=Rules&al-rule={MINE.replace(' ', '+')}")
    settled(eve)
    tab_to(eve, "On")
    eve.keyboard.press("Space")
    settled(eve)
    tab_to(eve, "Save")
    eve.keyboard.press("Enter")
    expect(row.locator(".pill")).to_have_text("off")
    assert not store.rule_named(incidents.database, "one-client").rule.enabled


@pytest.mark.parametrize("width", [720, 400])
def test_a_mail_fits_wide_and_narrow_and_can_be_read_by_everyone(
    browser: Browser, incidents: Served, width: int
) -> None:
    found = store.incidents(incidents.database)[0]
    named = replace(found.why[0], dimension="client", name="f" * 64)  # as long as a pubkey
    told = wording.message(replace(found, why=(named, *found.why)), "opened", ZoneInfo("UTC"), "relay.example")
    assert told.html is not None
    context = browser.new_context(viewport={"width": width, "height": 560})
    tab = opened(context)
    tab.set_content(told.html)
    expect(tab.get_by_text("What contributed most")).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert not serious_violations(tab)
    SHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SHOTS / f"mail_alert_{width}.png", full_page=True)
    context.close()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("section", ["Incidents", "Rules"])
def test_every_section_fits_and_puts_no_obstacle_in_the_way(
    browser: Browser, incidents: Served, section: str, scheme: Literal["light", "dark"], width: int
) -> None:
    look(browser, incidents, f"alerts?alert-section={section}", scheme, width, f"alerts_{section.lower()}")
