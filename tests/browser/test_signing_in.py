"""Signing in and out, as visitors do it."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served, opened, serve, shot, sign_in


def expect_form(page: Page) -> None:
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=20_000)
    expect(page.get_by_test_id("stMetric")).to_have_count(0)
    expect(page.locator(".page-title")).to_have_count(0)
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)


def expect_page(page: Page) -> None:
    expect(page.locator(".page-title")).to_have_text("Realtime", timeout=20_000)


def test_a_wrong_password_is_refused_and_a_right_one_opens_the_page(visitor: Page, served: Served) -> None:
    visitor.goto(served.url)
    expect_form(visitor)
    shot(visitor, "sign_in")
    sign_in(visitor, password="wrong password")
    expect(visitor.get_by_text("Wrong user name or password")).to_be_visible()
    expect_form(visitor)
    sign_in(visitor)
    expect_page(visitor)
    (cookie,) = [each for each in visitor.context.cookies() if each["name"] == "relay_session"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert visitor.evaluate("document.cookie").find("relay_session") == -1
    visitor.reload()
    expect_page(visitor)


def test_a_deep_link_survives_signing_in(visitor: Page, served: Served) -> None:
    visitor.goto(f"{served.url}?window=15m")
    sign_in(visitor)
    expect_page(visitor)
    expect(visitor).to_have_url(re.compile(r"/dashboard/analytics/?\?window=15m$"))
    expect(visitor.get_by_role("radio", name="15m", exact=True)).to_be_checked()


def test_no_page_opens_without_signing_in(visitor: Page, served: Served) -> None:
    for path in ("", "realtime", "Home", "server"):
        visitor.goto(served.url + path)
        expect_form(visitor)


def test_the_first_request_after_a_restart_meets_the_form_too(browser: Browser, served: Served) -> None:
    """Streamlit serves files of pages/ directly until the navigation has run once in the process."""
    with serve(served.database) as fresh:
        context = browser.new_context()
        page = opened(context)
        page.goto(f"{fresh.url}realtime")
        expect_form(page)
        context.close()


def test_signing_out_ends_every_tab(visitor: Page, served: Served) -> None:
    visitor.goto(served.url)
    sign_in(visitor)
    expect_page(visitor)
    other = opened(visitor.context)
    other.goto(served.url)
    expect_page(other)
    other.get_by_text("Pause", exact=True).click()  # a tab that no longer refreshes its numbers ends as well
    stolen = visitor.context.cookies()
    visitor.get_by_role("button", name="Sign out").click()
    expect_form(visitor)
    expect_form(other)
    other.context.add_cookies(stolen)  # type: ignore[arg-type]  # the cookie of an ended session opens nothing
    other.goto(served.url)
    expect_form(other)
