"""The dashboard as it is served, in a real browser. Screenshots are kept under test-results/."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright

from core.accounts import sessions, users
from core.records import Event
from core.settings import ROOT
from core.storage import shape_hours
from core.storage.database import Database
from dashboard.places import BASE
from tests.support import servers, traffic
from tests.support.ports import free_port

PASSWORD = "correct horse battery"
SHAPES = ["kinds×1 authors×1", "kinds×≤5 authors×≤50 since limit≤50", "ids×≤5", "kinds×1 #p×1 | kinds×≤5 #e×≤10 (×≤5)"]
SHOTS = ROOT / "test-results"
START_LIMIT = 60.0
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All browser tests run in one test process, with one server and one browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@dataclass(frozen=True)
class Served:
    """A running dashboard and its database."""

    url: str
    """Address of the first page, ending in `/`."""
    database: Database
    process: subprocess.Popen[str]


@contextmanager
def serve(database: Database, **environment: str) -> Iterator[Served]:
    """`python -m dashboard` on a database, as a process."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": database.dsn,
            "DASHBOARD_PORT": str(port),
            "DEMO": "off",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    origin = f"http://localhost:{port}"
    try:
        _wait_until_served(process, f"{origin}{BASE}/_stcore/health")
        yield Served(f"{origin}{BASE}/", database, process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _wait_until_served(process: subprocess.Popen[str], address: str) -> None:
    deadline = monotonic() + START_LIMIT
    while monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"The dashboard ended: {process.communicate()[0]}")
        try:
            with urllib.request.urlopen(address, timeout=1):  # noqa: S310 (our own http address)
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            sleep(0.05)
    raise AssertionError("The dashboard does not answer.")


@pytest.fixture(scope="package")
def served(server_dsn: str) -> Iterator[Served]:
    """A dashboard with the users `ada` (analyst) and `ben` (business) and no data yet."""
    with servers.fresh_database(server_dsn) as database:
        users.add(database, "ada", PASSWORD, datetime.now(UTC), role="analyst", name="Ada")
        users.add(database, "ben", PASSWORD, datetime.now(UTC), role="business", name="Ben")
        users.add(database, "eve", PASSWORD, datetime.now(UTC), role="admin", name="Eve")
        with serve(database) as running:
            yield running


@pytest.fixture(scope="package")
def weeks(served: Served) -> Served:
    """Three weeks of traffic."""
    now = datetime.now(UTC)
    events: list[Event] = []
    for days in range(21):
        then = now - timedelta(days=days, hours=3)
        asked = enumerate(traffic.messages(then, 40 + days, "REQ"))
        events += [replace(one, metadata={"shape": SHAPES[place % len(SHAPES)]}) for place, one in asked]
        events += traffic.messages(then, 25, "EVENT", "key:acme")
        events += traffic.messages(then, 9, "CLOSE", "key:other")
        events += [traffic.refusal(then, "rate-limited: slow down", "key:acme")] * 3
    traffic.write(served.database, events, traffic.samples(now))
    shape_hours.count(served.database, now)
    return served


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium: the one named by CHROMIUM, else on the PATH.

    It ends with this package: while Playwright's synchronous API is open, no asyncio test can run in the process.
    """
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.fail("Chromium is not installed: make setup-tests")
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    """A browser without cookies."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield opened(context)
    context.close()


@pytest.fixture
def ada(browser: Browser, served: Served) -> Iterator[Page]:
    """A browser in which `ada` is signed in; nothing opened yet."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, storage_state=state(served, "ada"))
    yield opened(context)
    context.close()


def state(served: Served, username: str) -> StorageState:
    """The cookie of a new session of `username`."""
    token = sessions.start(served.database, username, datetime.now(UTC), timedelta(days=1))
    return {
        "cookies": [
            {
                "name": "relay_session",
                "value": token,
                "domain": "localhost",
                "path": BASE,
                "expires": -1,
                "httpOnly": True,
                "secure": False,
                "sameSite": "Lax",
            }
        ],
        "origins": [],
    }


def opened(context: BrowserContext) -> Page:
    page = context.new_page()
    page.set_default_timeout(20_000)
    return page


def sign_in(page: Page, name: str = "ada", password: str = PASSWORD) -> None:
    """Fill in the form and send it."""
    page.get_by_role("textbox", name="Username").fill(name)
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


AT_REST = """() => {
    const place = each => each.closest('[data-testid=stElementContainer]') ?? each;
    const tables = [...document.querySelectorAll('[data-testid=stDataFrame]')];
    const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')];
    const drawn = [...tables, ...charts].map(each => each.querySelector('canvas, svg.marks'));
    const sizes = JSON.stringify(drawn.map(each => each && [each.clientWidth, each.clientHeight]));
    const waiting = document.querySelector('[data-testid=stSkeleton]');
    const still = sizes === window.sizesBefore;
    window.sizesBefore = sizes;
    const whole = tables.every(each => each.querySelector('canvas')?.clientWidth > 0.9 * place(each).clientWidth);
    return still && !waiting && whole && drawn.every(each => each);
}"""
"""Whether every table fills its place and nothing has changed its size since this was asked last."""


def settled(page: Page) -> None:
    """The script has run to its end, and what it shows is drawn."""
    expect(page.locator(".page-title").first).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.wait_for_function(AT_REST, polling=100)


def shot(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page, once what is on it has been drawn for its size."""
    SHOTS.mkdir(exist_ok=True)
    size = page.viewport_size
    assert size is not None
    height = 0
    while (whole := page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")) > height:
        height = whole + 8
        page.set_viewport_size({"width": size["width"], "height": height})
        page.wait_for_function(AT_REST, polling=100)
    page.screenshot(path=SHOTS / f"{name}.png")
    page.set_viewport_size(size)
