"""The realtime page in the browser: it lives, it fits, it hands out its data, it outlives its database."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from core import annotations as noted
from core.accounts import users
from core.audit import Actor
from core.charts.happened import COLOURS
from core.records import Event
from core.storage.database import Database
from core.storage.embedded import EmbeddedServer
from core.storage.migrate import migrate
from tests.browser.conftest import PASSWORD, SHOTS, Served, opened, serve, shot, sign_in, state
from tests.browser.test_history import LOOKS
from tests.support import servers, traffic

NEWS_WITHIN = 3_000
"""Milliseconds from the write to the screen; one of a few writes has to make it, as the machine may be busy."""


def fact(page: Page, label: str) -> str:
    return page.locator(".fact", has_text=label).locator("b").first.inner_text()


def some_traffic(now: datetime, number: int = 50) -> list[Event]:
    return [
        *traffic.messages(now, number, "REQ"),
        *traffic.messages(now, number // 2, "EVENT", "key:acme"),
        *traffic.messages(now, number // 3, "CLOSE"),
        *traffic.messages(now, number // 10, "NEG-OPEN"),
        traffic.refusal(now, "rate-limited: slow down"),
    ]


@pytest.fixture(scope="package")
def busy(served: Served) -> Served:
    now = datetime.now(UTC)
    traffic.write(served.database, some_traffic(now, 200), traffic.samples(now, 280))
    return served


def test_without_data_the_page_says_what_to_do(browser: Browser, server_dsn: str) -> None:
    with servers.fresh_database(server_dsn) as database:
        users.add(database, "ada", PASSWORD, datetime.now(UTC))
        with serve(database) as empty:
            context = browser.new_context(viewport={"width": 1440, "height": 900}, storage_state=state(empty, "ada"))
            page = opened(context)
            page.goto(empty.url)
            expect(page.get_by_text("Waiting for the first data")).to_be_visible()
            shot(page, "realtime_empty")
            context.close()


def test_what_is_written_is_on_the_screen_within_seconds(ada: Page, busy: Served) -> None:
    ada.goto(busy.url)
    expect(ada.locator(".live.live, .live.lagging").first).to_be_visible()
    before = int(fact(ada, "Events").replace(",", ""))
    in_time = 0
    for attempt in range(1, 4):
        now = datetime.now(UTC)
        traffic.write(busy.database, traffic.messages(now, 10, "COUNT"), traffic.samples(now, 1))
        number = ada.locator(".fact", has_text="Events").locator("b").first
        try:
            expect(number).to_have_text(f"{before + 10 * attempt:,}", timeout=NEWS_WITHIN)
            in_time += 1
        except AssertionError:
            expect(number).to_have_text(f"{before + 10 * attempt:,}", timeout=30_000)
    assert in_time


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 400])
def test_it_fits_in_both_themes(browser: Browser, busy: Served, scheme: str, width: int) -> None:
    now = datetime.now(UTC)
    traffic.write(busy.database, some_traffic(now), traffic.samples(now, 30))
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        storage_state=state(busy, "ada"),
    )
    page = opened(context)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(busy.url)
    for key in ("events", "types", "bandwidth", "latency", "connections", "host"):
        chart = page.locator(f".st-key-card-{key} canvas, .st-key-card-{key} svg.marks").first
        chart.scroll_into_view_if_needed()
        expect(chart).to_be_visible()
    expect(page.locator(".rows-table tbody tr").first).to_contain_text("rate-limited")
    for element in ("document.documentElement", "document.querySelector('[data-testid=stMain]')"):
        assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth"), f"{element} overflows"
    # asked again while the page redraws: an element just taken out has no style
    colour = "rgb(20, 23, 28)" if scheme == "dark" else "rgb(255, 255, 255)"
    expect(page.locator(".st-key-card-events")).to_have_css("background-color", colour)
    expect(page.locator(".page-title")).to_have_css("font-family", re.compile('^"?Inter'))
    assert page.evaluate("document.fonts.check('14px Inter')")
    assert not errors
    shot(page, f"realtime_{scheme}_{width}")
    context.close()


def test_tables_and_charts_download_as_csv_and_json(ada: Page, busy: Served) -> None:
    ada.goto(busy.url)
    card = ada.locator(".st-key-card-errors")
    expect(card).to_be_visible()
    with ada.expect_download() as started:
        card.get_by_role("link", name="CSV").click()
    assert started.value.suggested_filename.startswith("realtime_latest_errors_")
    path = SHOTS / "errors.csv"
    started.value.save_as(path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {row["error_code"] for row in rows} == {"rate-limited"}
    with ada.expect_download() as started:
        ada.locator(".st-key-card-types").get_by_role("link", name="JSON").click()
    path = SHOTS / "types.json"
    started.value.save_as(path)
    assert {row["event_type"] for row in json.loads(path.read_text())["data"]} >= {"REQ", "EVENT"}


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_what_happens_is_drawn_on_the_charts_within_seconds(
    browser: Browser, busy: Served, scheme: Literal["light", "dark"], width: int
) -> None:
    now = datetime.now(UTC)
    traffic.write(busy.database, some_traffic(now), traffic.samples(now, 280))
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, storage_state=state(busy, "ada")
    )
    page = opened(context)
    page.goto(busy.url)
    expect(page.locator(".st-key-card-events svg.marks").first).to_be_visible()
    actor, ago = Actor("eve", "page"), timedelta(seconds=1)
    with busy.database.borrow() as connection:
        connection.execute("DELETE FROM annotations")
    noted.add(busy.database, actor, "strfry 1.1 deployed", now, at=now - 150 * ago, kind="deploy")
    noted.add(busy.database, actor, "Relay away", now, at=now - 90 * ago, until=now - 60 * ago, kind="restart")
    for key in ("events", "bandwidth", "latency", "connections", "host"):
        heads = page.locator(f".st-key-card-{key} svg.marks .mark-symbol path")
        expect(heads).to_have_count(2)
        assert {head.get_attribute("fill") for head in heads.all()} == {COLOURS["deploy"], COLOURS["restart"]}
    shot(page, f"realtime_annotated_{scheme}_{width}")
    context.close()


def test_the_window_is_in_the_url_and_pause_stops_the_clock(ada: Page, busy: Served) -> None:
    ada.goto(busy.url)
    ada.get_by_role("radio", name="1m", exact=True).click()
    expect(ada.locator(".st-key-card-events .card-sub")).to_contain_text("last 1 min")
    expect(ada).to_have_url(re.compile(r"\?window=1m$"))
    ada.get_by_text("Pause", exact=True).click()
    badge = ada.locator(".live.paused")
    expect(badge).to_be_visible()
    still = badge.inner_text()
    now = datetime.now(UTC)
    traffic.write(busy.database, traffic.messages(now, 3, "AUTH"), traffic.samples(now, 1))
    ada.wait_for_timeout(2_500)  # longer than a refresh takes to come
    assert badge.inner_text() == still
    ada.get_by_text("Pause", exact=True).click()
    expect(ada.locator(".live.paused")).to_have_count(0)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A database server that a test may stop."""
    server = EmbeddedServer(tmp_path / "postgres", shared_buffers_mb=32, durable=False)
    server.ensure(60)
    yield server
    server.stop()


def test_while_the_database_is_away_the_page_keeps_its_data_and_says_so(
    browser: Browser, own_server: EmbeddedServer
) -> None:
    with Database(own_server.dsn("postgres")) as database:
        migrate(database)
        users.add(database, "ada", PASSWORD, datetime.now(UTC))
        now = datetime.now(UTC)
        traffic.write(database, some_traffic(now), traffic.samples(now))
        with serve(database) as running:
            context = browser.new_context(viewport={"width": 1440, "height": 1000})
            page = opened(context)
            page.goto(running.url)
            sign_in(page)
            expect(page.get_by_test_id("stMetric").first).to_be_visible()
            events = fact(page, "Events")
            database.close()
            own_server.stop()
            expect(page.locator(".live.away")).to_contain_text("Reconnecting", timeout=40_000)
            assert fact(page, "Events") == events
            shot(page, "realtime_reconnecting")
            newcomer = opened(context)
            newcomer.goto(running.url)
            expect(newcomer.get_by_role("heading", name="Reconnecting")).to_be_visible(timeout=40_000)
            for each in (page, newcomer):
                expect(each.get_by_test_id("stException")).to_have_count(0)
            own_server.ensure(60)
            expect(page.locator(".live.away")).to_have_count(0, timeout=60_000)
            expect(newcomer.get_by_test_id("stMetric").first).to_be_visible(timeout=60_000)
            context.close()
