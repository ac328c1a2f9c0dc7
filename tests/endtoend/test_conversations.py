"""What clients said and relays answered is what `traffic_events` says, message by message."""

from __future__ import annotations

from pathlib import Path

from nostr_sdk import Keys, LocalRelayBuilder, RateLimit

from core.storage.connections import Database
from tests.endtoend.relays import BLOCKED_KIND, Blocking, nostr_sdk_relay
from tests.endtoend.stack import Row, running_stack
from tests.endtoend.talk import signed, talking


def told(rows: list[Row], *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]


async def test_events_and_how_the_relay_took_them(database: Database, tmp_path: Path, keys: Keys) -> None:
    good, blocked = signed(keys), signed(keys, BLOCKED_KIND)
    forged = signed(keys, content="a") | {"sig": "00" * 64}
    ephemeral = signed(keys, 20001)
    async with nostr_sdk_relay(LocalRelayBuilder()) as relay, running_stack(relay, database, tmp_path) as stack:
        async with talking(stack.url, user_agent_header="Damus/1.12") as client:
            answers = [await client.ask("EVENT", e, answer="OK") for e in (good, good, forged, blocked, ephemeral)]
        rows = await stack.rows()

    assert [answer[2] for answer in answers] == [True, True, False, False, True]
    assert answers[1][3].startswith("duplicate:")
    assert told(rows, "event_type", "outcome", "error_code", "kind", "event_id") == [
        ("EVENT", "ok", None, 1, good["id"]),
        ("EVENT", "duplicate", None, 1, good["id"]),
        ("EVENT", "rejected", "invalid", 1, forged["id"]),
        ("EVENT", "rejected", "blocked", BLOCKED_KIND, blocked["id"]),
        ("EVENT", "ok", None, 20001, ephemeral["id"]),
    ]
    assert rows[3]["metadata"]["reason"] == answers[3][3]
    assert {row["app"] for row in rows} == {"Damus"}
    assert {row["relay"] for row in rows} == {"relay under test"}
    for row, measured in zip(rows, client.milliseconds, strict=True):
        assert 0 < row["response_time_ms"] <= measured


async def test_a_response_time_lies_between_what_the_relay_took_and_what_the_client_waited(
    database: Database, tmp_path: Path, keys: Keys
) -> None:
    policy = Blocking(delay=0.2)
    async with (
        nostr_sdk_relay(LocalRelayBuilder(), policy) as relay,
        running_stack(relay, database, tmp_path) as stack,
    ):
        async with talking(stack.url) as client:
            for number in range(3):
                await client.ask("EVENT", signed(keys, content=str(number)), answer="OK")
        rows = await stack.rows()
    assert len(policy.durations) == 3
    for took, row, waited in zip(policy.durations, rows, client.milliseconds, strict=True):
        assert took * 1000 <= row["response_time_ms"] <= waited


async def test_subscriptions_and_what_they_delivered(database: Database, tmp_path: Path, keys: Keys) -> None:
    notes = [signed(keys, content=str(number)) for number in range(5)]
    live = signed(keys, content="live")
    async with nostr_sdk_relay(LocalRelayBuilder()) as relay, running_stack(relay, database, tmp_path) as stack:
        async with talking(stack.url) as client:
            for note in notes:
                await client.ask("EVENT", note, answer="OK")
            await client.ask("REQ", "all", {"kinds": [1]}, {"kinds": [7]}, answer="EOSE")
            await client.ask("REQ", "all", {"kinds": [1], "limit": 2}, answer="EOSE")  # replaces the first
            await client.ask("REQ", "none", {"kinds": [9]}, answer="EOSE")
            count = await client.ask("COUNT", "how many", {"kinds": [1]}, answer="COUNT")
            await client.say("EVENT", live)
            await client.hear("EVENT")  # the subscription is still open; the OK may come before or after
            await client.say("CLOSE", "all")
            await client.ask("COUNT", "again", {"kinds": [1]}, answer="COUNT")
        rows = await stack.rows()
        deliveries = await stack.deliveries()

    assert count[2] == {"count": 5}
    assert told(rows[5:], "event_type", "outcome", "error_code", "events_out") == [
        ("REQ", "ok", None, 5),
        ("REQ", "ok", None, 2),
        ("REQ", "ok", None, 0),
        ("COUNT", "ok", None, 0),
        ("EVENT", "ok", None, 0),
        ("CLOSE", "ok", None, 0),
        ("COUNT", "ok", None, 0),
    ]
    heard = [message for message in client.heard if message[0] == "EVENT"]
    assert sum(row["events_out"] for row in rows) + sum(row["events_out"] for row in deliveries) == len(heard) == 8
    first, second, empty = rows[5:8]
    assert first["metadata"]["filters"] == 2
    assert first["metadata"]["shape"] != second["metadata"]["shape"]
    assert first["first_event_ms"] <= first["response_time_ms"]
    assert empty["first_event_ms"] is None
    assert rows[10]["response_time_ms"] is None


async def test_a_subscription_that_is_closed_at_once_is_cancelled_or_answered(
    database: Database, tmp_path: Path, keys: Keys
) -> None:
    async with nostr_sdk_relay(LocalRelayBuilder()) as relay, running_stack(relay, database, tmp_path) as stack:
        async with talking(stack.url) as client:
            await client.ask("EVENT", signed(keys), answer="OK")
            await client.say("REQ", "brief", {"kinds": [1]})
            await client.say("CLOSE", "brief")
            await client.ask("REQ", "brief", {"kinds": [1], "limit": 1}, answer="EOSE")
            await client.ask("COUNT", "end", {}, answer="COUNT")
        rows = await stack.rows()
    assert [row["event_type"] for row in rows] == ["EVENT", "REQ", "CLOSE", "REQ", "COUNT"]
    assert rows[1]["outcome"] in {"cancelled", "ok"}  # the relay's EOSE and the client's CLOSE may cross
    assert rows[3]["outcome"] == "ok"
    assert {row["error_code"] for row in rows} == {None}


async def test_too_many_subscriptions_and_events_are_rate_limited(
    database: Database, tmp_path: Path, keys: Keys
) -> None:
    builder = LocalRelayBuilder().rate_limit(RateLimit(max_reqs=2, notes_per_minute=6))
    async with nostr_sdk_relay(builder) as relay, running_stack(relay, database, tmp_path) as stack:
        async with talking(stack.url) as client:
            for number in range(2):
                await client.ask("REQ", f"s{number}", {"kinds": [7]}, answer="EOSE")
            refusal = await client.ask("REQ", "s2", {"kinds": [7]}, answer="CLOSED")
            oks = [await client.ask("EVENT", signed(keys, content=str(number)), answer="OK") for number in range(9)]
        rows = await stack.rows()
    assert refusal[2].startswith("rate-limited:")
    assert any(ok[3].startswith("rate-limited:") for ok in oks)
    assert told(rows[:3], "outcome", "error_code") == [("ok", None), ("ok", None), ("rejected", "rate-limited")]
    expected = [("ok", None) if ok[2] else ("rejected", ok[3].partition(":")[0]) for ok in oks]
    assert told(rows[3:], "outcome", "error_code") == expected


async def test_proof_of_work_that_is_missing(database: Database, tmp_path: Path, keys: Keys) -> None:
    async with (
        nostr_sdk_relay(LocalRelayBuilder().min_pow(40)) as relay,
        running_stack(relay, database, tmp_path) as stack,
    ):
        async with talking(stack.url) as client:
            await client.ask("EVENT", signed(keys), answer="OK")
        rows = await stack.rows()
    assert told(rows, "outcome", "error_code") == [("rejected", "pow")]


async def test_authentication_names_the_client(database: Database, tmp_path: Path, keys: Keys) -> None:
    pubkey = keys.public_key().to_hex()
    mine = {"kinds": [1059], "#p": [pubkey]}
    async with (
        nostr_sdk_relay(LocalRelayBuilder().auth_dm(True)) as relay,
        running_stack(relay, database, tmp_path) as stack,
    ):
        async with talking(stack.url) as client:
            await client.ask("REQ", "mail", mine, answer="CLOSED")
            challenge = next(message[1] for message in client.heard if message[0] == "AUTH")
            wrong, right = (
                signed(keys, 22242, "", [["relay", relay], ["challenge", answer]]) for answer in ("guess", challenge)
            )
            await client.ask("AUTH", wrong, answer="OK")
            await client.ask("AUTH", right, answer="OK")
            await client.ask("REQ", "mail", mine, answer="EOSE")
        rows = await stack.rows()
        connection = (await stack.connections())[0]
    assert told(rows, "event_type", "outcome", "error_code", "kind", "event_id") == [
        ("REQ", "rejected", "auth-required", None, None),
        ("AUTH", "rejected", "auth-required", 22242, wrong["id"]),
        ("AUTH", "ok", None, 22242, right["id"]),
        ("REQ", "ok", None, None, None),
    ]
    assert [row["client_id"].startswith("addr:") for row in rows[:2]] == [True, True]
    assert rows[3]["client_id"] == connection["client_id"] == pubkey
    assert connection["identity"] == "pubkey"


async def test_negentropy(database: Database, tmp_path: Path, keys: Keys) -> None:
    async with nostr_sdk_relay(LocalRelayBuilder()) as relay, running_stack(relay, database, tmp_path) as stack:
        async with talking(stack.url) as client:
            await client.ask("EVENT", signed(keys), answer="OK")
            await client.ask("NEG-OPEN", "sync", {"kinds": [1]}, "6100000200", answer="NEG-MSG")
            await client.ask("NEG-MSG", "sync", "6100000200", answer="NEG-MSG")
            await client.say("NEG-CLOSE", "sync")
            await client.ask("COUNT", "end", {}, answer="COUNT")
        rows = await stack.rows()
    assert told(rows[1:4], "event_type", "outcome") == [("NEG-OPEN", "ok"), ("NEG-MSG", "ok"), ("NEG-CLOSE", "ok")]
    for row, waited in zip(rows[1:3], client.milliseconds[1:3], strict=True):
        assert 0 < row["response_time_ms"] <= waited


async def test_messages_that_are_none(database: Database, tmp_path: Path) -> None:
    async with nostr_sdk_relay(LocalRelayBuilder()) as relay, running_stack(relay, database, tmp_path) as stack:
        async with talking(stack.url) as client:
            for text in ("not json", '["HELLO"]', "[]"):
                await client.say(text=text)
                await client.hear("NOTICE")
        rows = await stack.rows()
        deliveries = await stack.deliveries()
    assert told(rows, "event_type", "response_time_ms") == [("OTHER", None)] * 3
    assert sum(row["notices"] for row in deliveries) == 3


async def test_clients_are_told_apart_by_the_address_a_trusted_proxy_names(
    database: Database, tmp_path: Path, keys: Keys
) -> None:
    async with nostr_sdk_relay(LocalRelayBuilder()) as relay, running_stack(relay, database, tmp_path) as stack:
        for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "192.0.2.1"):
            async with talking(stack.url, additional_headers={"X-Forwarded-For": address}) as client:
                await client.ask("COUNT", address, {}, answer="COUNT")
        rows = await stack.rows(connections=5)
    first, second, network, same_network, again = (row["client_id"] for row in rows)
    assert first == again
    assert network == same_network
    assert len({first, second, network}) == 3
    assert not any("192.0.2" in row["client_id"] for row in rows)
