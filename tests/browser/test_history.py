"""The pages of history in the browser: links, zoom, clicks, downloads, sizes, keys."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from core.reports import traffic as traffic_report
from dashboard.nav import ENTRIES
from tests.browser.conftest import Served, opened, settled, shot, sign_in, state

PAGES = [Path(entry.file).stem for entry in ENTRIES if not entry.default]
FRAMEWORK = [["[data-testid=stSidebarNav]"], ["[data-testid=stSidebarNavItems]"], ["svg.marks"]]
LOOKS: list[tuple[Literal["light", "dark"], int]] = (
    [("light", 1440), ("light", 400), ("dark", 1440), ("dark", 400)]
    if os.environ.get("ALL_LOOKS")
    else [("light", 1440), ("dark", 400)]
)
"""`make shots` looks at all four; each test run at two that differ in both."""
QUERY = {"client": "?client=key:acme", "billing": f"?month={datetime.now(UTC):%Y-%m}"}


def number(page: Page, label: str) -> str:
    card = page.get_by_test_id("stMetric").filter(has_text=label).first
    return card.get_by_test_id("stMetricValue").inner_text()


@pytest.fixture
def admin(browser: Browser, weeks: Served) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, storage_state=state(weeks, "eve"))
    yield opened(context)
    context.close()


def test_a_link_to_a_view_survives_signing_in_and_reloading(visitor: Page, weeks: Served) -> None:
    visitor.goto(f"{weeks.url}traffic?range=30d&type=EVENT&client=key:acme")
    sign_in(visitor)
    expect(visitor.locator(".page-title")).to_have_text("Traffic")
    expect(visitor.get_by_role("button", name="Event type: EVENT")).to_be_visible()
    expect(visitor).to_have_url(re.compile(r"/traffic\?range=30d&type=EVENT&client=key(:|%3A)acme$"))
    shown = number(visitor, "Events")
    assert shown == f"{21 * 28:,}"
    visitor.reload()
    settled(visitor)
    assert number(visitor, "Events") == shown


def test_filters_stay_from_page_to_page(ada: Page, weeks: Served) -> None:
    ada.goto(f"{weeks.url}traffic?range=30d&type=EVENT")
    expect(ada.get_by_role("button", name="Event type: EVENT")).to_be_visible()
    settled(ada)
    ada.get_by_role("link", name="Errors").click()
    expect(ada.locator(".page-title")).to_have_text("Errors")
    expect(ada.get_by_role("button", name="Event type: EVENT")).to_be_visible()
    expect(ada).to_have_url(re.compile(r"/errors\?(range=30d&type=EVENT|type=EVENT&range=30d)$"))


def test_a_drag_over_a_chart_zooms_the_page_and_a_chip_zooms_out(ada: Page, weeks: Served) -> None:
    ada.goto(f"{weeks.url}traffic?range=30d&compare=false")
    chart = ada.locator("[class*=st-key-tr-events] canvas, [class*=st-key-tr-events] svg.marks").first
    expect(chart).to_be_visible()
    settled(ada)
    whole = number(ada, "Events")
    box = chart.bounding_box()
    assert box is not None
    ada.mouse.move(box["x"] + 500, box["y"] + 150)
    ada.mouse.down()
    ada.mouse.move(box["x"] + 800, box["y"] + 160, steps=8)
    ada.mouse.up()
    chip = ada.get_by_role("button", name=re.compile("^Zoom:"))
    expect(chip).to_be_visible()
    expect(ada).to_have_url(re.compile(r"range=custom.*from=\d{4}-\d\d-\d\dT\d\d%3A00&to=\d{4}"))
    settled(ada)
    assert number(ada, "Events") != whole
    chip.click()
    expect(ada).to_have_url(re.compile(r"/traffic\?(compare=false&range=30d|range=30d&compare=false)$"))
    expect(ada.get_by_test_id("stMetricValue").first).to_have_text(whole)


def test_keys_change_the_range(ada: Page, weeks: Served) -> None:
    ada.goto(f"{weeks.url}errors")
    settled(ada)
    thirty = ada.get_by_role("radio", name="30d", exact=True)
    for _ in range(5):  # keys count once the page listens to them, which nothing on it tells
        ada.locator("body").press("3")
        with suppress(AssertionError):
            expect(thirty).to_be_checked(timeout=4_000)
            break
    expect(ada).to_have_url(re.compile(r"range=30d"))
    expect(ada.get_by_role("radio", name="30d", exact=True)).to_be_checked()


def test_a_row_of_the_ranking_opens_the_page_of_its_client(ada: Page, weeks: Served) -> None:
    ada.goto(f"{weeks.url}clients?range=30d&find=acme")
    table = ada.locator("[class*=st-key-cl-clients] canvas").first
    expect(table).to_be_visible()
    settled(ada)
    box = table.bounding_box()
    assert box is not None
    ada.mouse.click(box["x"] + 17, box["y"] + 32 + 16)
    expect(ada.locator(".page-title")).to_have_text("Client")
    expect(ada.locator(".client-id")).to_contain_text("key:acme")
    expect(ada).to_have_url(re.compile(r"/client\?.*client=key(:|%3A)acme"))


def test_a_download_is_the_table_of_the_page(ada: Page, weeks: Served, tmp_path: Path) -> None:
    ada.goto(f"{weeks.url}traffic?range=30d&type=EVENT&compare=false")
    card = ada.locator(".st-key-card-events")
    with ada.expect_download() as started:
        card.get_by_role("link", name="CSV").click()
    started.value.save_as(tmp_path / "events.csv")
    rows = list(csv.DictReader((tmp_path / "events.csv").read_text().splitlines()))
    today = datetime.now(UTC).date()
    span = {"start": str(today - timedelta(days=29)), "end": str(today)}
    report = traffic_report(weeks.database, **span, event_type="EVENT")["event_types_over_time"]
    assert [int(row["events"]) for row in rows] == report["events"].tolist()
    assert number(ada, "Events") == f"{report['events'].sum():,}"


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_fits_and_puts_no_obstacle_in_the_way(
    browser: Browser, weeks: Served, page: str, scheme: Literal["light", "dark"], width: int
) -> None:
    look(browser, weeks, f"{page}{QUERY.get(page, '?range=30d')}", scheme, width, page)


def test_the_realtime_page_puts_no_obstacle_in_the_way(admin: Page, weeks: Served) -> None:
    admin.goto(weeks.url)
    settled(admin)
    assert not serious_violations(admin)


def look(browser: Browser, served: Served, path: str, scheme: Literal["light", "dark"], width: int, name: str) -> None:
    """What `eve` sees at `path` fits into the width, raises no error and puts no obstacle in the way; a screenshot."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, storage_state=state(served, "eve")
    )
    tab = opened(context)
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(f"{served.url}{path}")
    settled(tab)
    for element in ("document.documentElement", "document.querySelector('[data-testid=stMain]')"):
        assert tab.evaluate(f"{element}.scrollWidth <= {element}.clientWidth"), f"{element} overflows"
    assert not errors
    assert not serious_violations(tab)
    shot(tab, f"{name}_{scheme}_{width}")
    context.close()


def serious_violations(page: Page) -> dict[str, list[str]]:
    """What axe-core finds: rule to elements. Left out are Streamlit's own list of pages, and the marks within charts,
    which are described as a whole."""
    found = Axe().run(page, context={"exclude": FRAMEWORK}).response["violations"]
    return {
        each["id"]: [node["html"][:160] for node in each["nodes"]]
        for each in found
        if each["impact"] in ("serious", "critical")
    }
