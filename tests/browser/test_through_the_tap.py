"""A Nostr event published to a real relay through the tap is on the screen seconds later."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from anyio.from_thread import start_blocking_portal
from nostr_sdk import Keys, LocalRelayBuilder
from playwright.sync_api import Browser, expect

from core.accounts import users
from tests.browser.conftest import PASSWORD, opened, serve, shot, state
from tests.browser.test_realtime import NEWS_WITHIN
from tests.endtoend.relays import BLOCKED_KIND, nostr_sdk_relay
from tests.endtoend.stack import running_stack
from tests.endtoend.talk import signed, talking
from tests.support import servers


def test_a_published_event_shows_within_three_seconds(browser: Browser, server_dsn: str, tmp_path: Path) -> None:
    keys = Keys.generate()
    with (
        servers.fresh_database(server_dsn) as database,
        serve(database) as dashboard,
        start_blocking_portal() as portal,  # relay, tap and client run in a thread beside the browser
        portal.wrap_async_context_manager(nostr_sdk_relay(LocalRelayBuilder())) as relay,
        portal.wrap_async_context_manager(running_stack(relay, database, tmp_path)) as tap,
        portal.wrap_async_context_manager(talking(tap.url)) as client,
    ):
        users.add(database, "ada", PASSWORD, datetime.now(UTC))
        context = browser.new_context(viewport={"width": 1440, "height": 1000}, storage_state=state(dashboard, "ada"))
        page = opened(context)
        page.goto(dashboard.url)
        connections = page.get_by_test_id("stMetric").filter(has_text="Connections").get_by_test_id("stMetricValue")
        expect(connections).to_have_text("1", timeout=30_000)
        events = page.locator(".fact", has_text="Events").locator("b").first
        in_time = 0
        for number in range(1, 5):
            event = signed(keys, content=f"note {number}")

            async def publish(event: dict[str, object] = event) -> None:
                await client.ask("EVENT", event, answer="OK")

            portal.call(publish)
            try:
                expect(events).to_have_text(str(number), timeout=NEWS_WITHIN)
                in_time += 1
            except AssertionError:
                expect(events).to_have_text(str(number), timeout=30_000)
        assert in_time

        async def refused() -> None:
            await client.ask("EVENT", signed(keys, BLOCKED_KIND), answer="OK")

        portal.call(refused)
        row = page.locator(".rows-table tbody tr").first
        expect(row).to_contain_text("blocked: kind not accepted", timeout=30_000)
        expect(row).to_contain_text(f"kind {BLOCKED_KIND}")
        shot(page, "realtime_through_the_tap")
        context.close()
