"""The JavaScript library most web clients use, through Node."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from nostr_sdk import LocalRelayBuilder

from core.storage.connections import Database
from tests.endtoend.relays import BLOCKED_KIND, nostr_sdk_relay
from tests.endtoend.stack import running_stack


async def test_what_nostr_tools_did_is_what_the_rows_say(
    node_client: list[str], database: Database, tmp_path: Path
) -> None:
    async with nostr_sdk_relay(LocalRelayBuilder()) as relay, running_stack(relay, database, tmp_path) as stack:
        process = await asyncio.create_subprocess_exec(*node_client, stack.url, stdout=asyncio.subprocess.PIPE)
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
        said = json.loads(output)
        rows = await stack.rows()

    note, again, blocked = said["published"]
    assert [each["refusal"] for each in (note, again)] == [None, None]
    assert blocked["refusal"].startswith("blocked:")
    assert [(row["event_type"], row["outcome"], row["error_code"], row["kind"], row["event_id"]) for row in rows] == [
        ("EVENT", "ok", None, 1, note["id"]),
        ("EVENT", "duplicate", None, 1, note["id"]),
        ("EVENT", "rejected", "blocked", BLOCKED_KIND, blocked["id"]),
        ("REQ", "ok", None, None, None),
        ("CLOSE", "ok", None, None, None),
        ("COUNT", "ok", None, None, None),
    ]
    for row, published in zip(rows, said["published"], strict=False):
        assert 0 < row["response_time_ms"] <= published["milliseconds"]
    assert rows[3]["events_out"] == len(said["received"]) == said["count"] == 1
