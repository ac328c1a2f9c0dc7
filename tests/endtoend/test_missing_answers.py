"""Messages that no answer comes to: a relay that is silent, a connection that is lost."""

from __future__ import annotations

from pathlib import Path

from nostr_sdk import Keys, LocalRelayBuilder

from core.storage.connections import Database
from tests.endtoend.relays import Blocking, nostr_sdk_relay, silent_relay
from tests.endtoend.stack import running_stack
from tests.endtoend.talk import signed, talking


async def test_a_relay_that_says_nothing_leaves_messages_unanswered(
    database: Database, tmp_path: Path, keys: Keys
) -> None:
    event = signed(keys)
    async with silent_relay() as relay, running_stack(relay, database, tmp_path, TAP_ANSWER_TIMEOUT="0.5") as stack:
        async with talking(stack.url) as client:
            await client.say("EVENT", event)
            await client.say("REQ", "feed", {"kinds": [1]})
            await client.say("COUNT", "number", {})
            row = await stack.row_of(event["id"])  # while the client still waits
            assert (row["outcome"], row["error_code"], row["response_time_ms"]) == ("unanswered", "unanswered", None)
            await stack.row_count(3)
        rows = await stack.rows()
    assert [(row["event_type"], row["outcome"], row["error_code"], row["response_time_ms"]) for row in rows] == [
        (verb, "unanswered", "unanswered", None) for verb in ("EVENT", "REQ", "COUNT")
    ]


async def test_a_lost_connection_abandons_what_waits(database: Database, tmp_path: Path, keys: Keys) -> None:
    async with silent_relay() as relay, running_stack(relay, database, tmp_path) as stack:
        async with talking(stack.url) as client:
            await client.say("EVENT", signed(keys))
            await client.say("REQ", "feed", {"kinds": [1]})
            await client.say("CLOSE", "feed")
            await client.say("REQ", "other", {"kinds": [1]})
        rows = await stack.rows()
        connection = (await stack.connections())[0]
    told = [(row["event_type"], row["outcome"], row["error_code"]) for row in rows]
    assert told == [
        ("EVENT", "abandoned", None),
        ("REQ", "cancelled", None),
        ("CLOSE", "ok", None),
        ("REQ", "abandoned", None),
    ]
    assert connection["close_code"] == 1000
    assert connection["events"] == 4


async def test_a_client_that_leaves_before_the_ok(database: Database, tmp_path: Path, keys: Keys) -> None:
    first, second = signed(keys, content="first"), signed(keys, content="second")
    async with (
        nostr_sdk_relay(LocalRelayBuilder(), Blocking(delay=0.3)) as relay,
        running_stack(relay, database, tmp_path) as stack,
    ):
        async with talking(stack.url) as client:
            await client.ask("EVENT", first, answer="OK")
            await client.say("EVENT", second)
            client.cut()
        rows = await stack.rows()
    assert [(row["event_id"], row["outcome"]) for row in rows] == [(first["id"], "ok"), (second["id"], "abandoned")]
