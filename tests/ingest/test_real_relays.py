"""Real relays and clients through the tap: they work as without it, and the rows say what happened."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from nostr_sdk import Keys, LocalRelayBuilder
from websockets.asyncio.client import connect

from core.records import Event
from ingest.tap import running_tap
from tests.endtoend.relays import BLOCKED_KIND, compressing_relay, nostr_sdk_relay
from tests.endtoend.talk import Talker, signed
from tests.ingest.conftest import MakeSettings, spooled

DEADLINE = 60.0


async def converse(port: int, *, blocked: bool) -> None:
    """An event, the same again, a subscription that finds it; a refused one if the relay refuses."""
    keys = Keys.generate()
    event = signed(keys)
    async with asyncio.timeout(DEADLINE), connect(f"ws://127.0.0.1:{port}", proxy=None) as socket:
        talker = Talker(socket)
        await talker.ask("EVENT", event, answer="OK")
        await talker.ask("EVENT", event, answer="OK")
        if blocked:
            await talker.ask("EVENT", signed(keys, BLOCKED_KIND), answer="OK")
        await talker.ask("REQ", "feed:1", {"authors": [event["pubkey"]]}, answer="EOSE")
        assert [each[2]["id"] for each in talker.heard if each[0] == "EVENT"] == [event["id"]], json.dumps(talker.heard)
        await talker.say("CLOSE", "feed:1")


def said(rows: list[Event]) -> list[tuple[str, str]]:
    return [(row.event_type, row.outcome) for row in rows]


async def test_nostr_sdks_relay(make_settings: MakeSettings) -> None:
    async with nostr_sdk_relay(LocalRelayBuilder()) as url:
        settings = make_settings(url.rstrip("/"))
        async with running_tap(settings) as tap:
            await converse(tap.port, blocked=True)
    rows = [row for batch in spooled(settings) for row in batch.events]
    assert said(rows) == [
        ("EVENT", "ok"),
        ("EVENT", "duplicate"),
        ("EVENT", "rejected"),
        ("REQ", "ok"),
        ("CLOSE", "ok"),
    ]
    assert rows[2].error_code == "blocked"
    assert rows[3].events_out == 1


async def test_a_relay_that_compresses_with_a_window_of_12_bits(make_settings: MakeSettings, tmp_path: Path) -> None:
    directory = tmp_path / "relay"
    await asyncio.to_thread(directory.mkdir)
    async with compressing_relay(directory) as url:
        settings = make_settings(url)
        async with running_tap(settings) as tap:
            await converse(tap.port, blocked=False)
            assert tap.observer.counters.unreadable == 0
    rows = [row for batch in spooled(settings) for row in batch.events]
    assert [row.event_type for row in rows] == ["EVENT", "EVENT", "REQ", "CLOSE"]
    assert (rows[0].outcome, rows[2].outcome, rows[2].events_out) == ("ok", "ok", 1)
    assert rows[2].bytes_out < rows[2].payload_out
