"""How soon the pages of history show their first numbers, over the history of a large relay, in a real browser.

A visitor who is signed in goes from page to page and changes a filter; the clock runs in the browser, from the click
until the first card of numbers has its new values. Everything is asked of the database: every visit has a range of its
own, so that no reading is shared with another.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.history import END, Size, fill
from benchmarks.servers import database as database_of
from benchmarks.servers import machine, server
from core.accounts import sessions, users
from core.settings import ROOT
from core.storage.connections import Database
from core.storage.migrate import migrate
from dashboard.places import BASE, COOKIE

RESULTS = Path(__file__).parent / "results"
PAGES = ("traffic", "performance", "errors", "bandwidth", "clients", "users")
"""In the order of the visits, which start from the last."""
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu"]
STARTS_WITHIN = 60.0

# The cards of numbers, by what they say. A page that is left behind keeps its own until new ones come, so the title
# must be the new one too.
CLOCK = """([selector, title]) => new Promise((resolve, reject) => {
    const said = () => [...document.querySelectorAll('[class*="st-key-kpis-"] [data-testid="stMetricValue"]')]
        .map(card => card.textContent).join('|')
    const head = () => document.querySelector('.page-title')?.textContent
    const old = said(), started = performance.now()
    document.querySelector(selector).click()
    const look = () => {
        const now = said(), waited = performance.now() - started
        if (head() === title && now && now !== old) return resolve(waited)
        if (waited > 30000) return reject(new Error(`no new numbers: ${head()} ${now}`))
        requestAnimationFrame(look)
    }
    look()
})"""

CHANGED = """old => document.querySelector('[class*="st-key-kpis-"]').innerText !== old"""


@contextmanager
def dashboard(database: Database) -> Iterator[tuple[str, int]]:
    """`python -m dashboard` on a database: address of its first page, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"DATABASE_URL": database.dsn, "DASHBOARD_PORT": str(port), "DEMO": "off"}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while not answers(f"http://localhost:{port}{BASE}/_stcore/health"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the dashboard did not start")
            time.sleep(0.1)
        yield f"http://localhost:{port}{BASE}/", process.pid
    finally:
        process.terminate()
        process.wait(30)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1):  # noqa: S310 (our own http address)
            return True
    except OSError:
        return False


def visitor(database: Database, name: str = "visitor") -> str:
    """A session of an analyst."""
    now = datetime.now(UTC)
    if users.get(database, name) is None:
        users.add(database, name, "benchmark benchmark", now, role="analyst", name=name)
    return sessions.start(database, name, now, timedelta(hours=1))


def signed_in(browser: Browser, address: str, token: str) -> Page:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
    host = urlsplit(address).hostname or "localhost"
    context.add_cookies([{"name": COOKIE, "value": token, "domain": host, "path": BASE, "httpOnly": True}])
    return context.new_page()


def measure(page: Page, address: str, days: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each change to a page, and of a change of filters on it."""
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        # every round and page has its own range: nothing is read for it before
        last = END - timedelta(days=1, hours=number)
        span = f"range=custom&from={last - timedelta(days=days):%Y-%m-%dT%H:00}&to={last:%Y-%m-%dT%H:00}"
        page.goto(f"{address}{PAGES[-1]}?{span}")
        page.wait_for_selector('[class*="st-key-kpis-"] [data-testid="stMetricValue"]', timeout=60_000)
        settled(page)
        for name in PAGES:
            title = name.capitalize()
            link = f'[data-testid="stSidebarNav"] a[href*="/{name}"], [data-testid="stSidebarNavLink"][href*="/{name}"]'
            found.setdefault(f"to {name}", []).append(page.evaluate(CLOCK, [link, title]))
            settled(page)
            if name == "clients":
                continue
            chosen = page.locator(".st-key-key-compare button")
            chosen.evaluate("button => button.id = 'clocked'")
            before = page.locator('[class*="st-key-kpis-"]').first.inner_text()
            started = time.perf_counter()
            chosen.evaluate("button => button.click()")
            page.wait_for_function(CHANGED, arg=before, polling="raf")
            found.setdefault(f"filter on {name}", []).append((time.perf_counter() - started) * 1000)
            settled(page)
    return found


def settled(page: Page) -> None:
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=Size.events, help="Events of the history.")
    parser.add_argument("--data", type=Path, help="Directory that keeps the history for the next run.")
    parser.add_argument("--days", type=int, default=30, help="Length of the ranges looked at.")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    size = Size(given.events)
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if executable is None:
        sys.exit("Chromium is not installed: make setup-tests")
    with server(given.data) as running, database_of(running, size.name) as (database, new):
        migrate(database)
        if new:
            fill(database, size, print)
        with dashboard(database) as (address, _), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
            page = signed_in(browser, address, visitor(database))
            measure(page, address, given.days, 1)  # a first visit loads scripts and fonts
            found = measure(page, address, given.days, given.rounds)
            browser.close()
    result: dict[str, Any] = {
        "events": given.events, "range_days": given.days,
        "first_numbers_ms": {
            name: {"p50": round(statistics.median(times)), "max": round(max(times))} for name, times in found.items()
        },
    } | machine()  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pages.json").write_text(json.dumps(result, indent=2) + "\n")
    table = Table("Change", "p50 ms", "max ms")
    for name, times in result["first_numbers_ms"].items():
        table.add_row(name, str(times["p50"]), str(times["max"]))
    Console().print(table)


if __name__ == "__main__":
    main()
