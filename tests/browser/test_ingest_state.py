"""What is wrong with ingest is seen at the top of the realtime page, in both themes and on a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from core.accounts import users
from tests.browser.conftest import PASSWORD, Served, opened, serve, shot, state
from tests.support import servers, traffic


@pytest.fixture(scope="module")
def losing(server_dsn: str) -> Iterator[Served]:
    """A dashboard over a tap that has dropped records."""
    with servers.fresh_database(server_dsn) as database:
        users.add(database, "ada", PASSWORD, datetime.now(UTC))
        now = datetime.now(UTC)
        samples = [
            msgspec.structs.replace(sample, dropped=12_345 if place < 10 else 0)
            for place, sample in enumerate(traffic.samples(now))
        ]
        traffic.write(database, traffic.messages(now, 50), samples)
        with serve(database) as running:
            yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 400])
def test_dropped_records_are_seen_before_anything_else(
    browser: Browser, losing: Served, scheme: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        storage_state=state(losing, "ada"),
    )
    page = opened(context)
    page.goto(losing.url)
    alarm = page.locator(".notice.grave")
    expect(alarm).to_contain_text("12,345 records were dropped within the last hour")
    expect(alarm).to_contain_text("SPOOL_MAX_BYTES")
    expect(alarm).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    shot(page, f"ingest_state_{scheme}_{width}")
    context.close()
