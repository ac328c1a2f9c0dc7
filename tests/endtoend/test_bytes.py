"""Bytes are counted exactly: payload as the client's library counts it, wire as a wire between them sees it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from nostr_sdk import ClientBuilder, EventBuilder, Filter, Keys, Kind, LocalRelayBuilder, RelayUrl, ReqTarget

from core.storage.connections import Database
from tests.endtoend.relays import BLOCKED_KIND, compressing_relay, nostr_sdk_relay
from tests.endtoend.stack import Row, Stack, running_stack
from tests.endtoend.talk import counting_wire, signed, talking


async def everything(stack: Stack, connections: int = 1) -> list[Row]:
    """All records that carry bytes."""
    rows = await stack.rows(connections)
    return rows + await stack.deliveries()


def total(records: list[Row], column: str) -> int:
    return sum(int(record[column]) for record in records)


async def test_wire_and_payload_bytes_are_those_of_the_wire(database: Database, tmp_path: Path, keys: Keys) -> None:
    async with nostr_sdk_relay(LocalRelayBuilder()) as relay, running_stack(relay, database, tmp_path) as stack:
        async with counting_wire(stack.port) as wire, talking(wire.url) as client:
            await client.ask("REQ", "live", {"kinds": [1]}, answer="EOSE")
            for size in (1, 200):
                await client.say("EVENT", signed(keys, content="x" * size))
                await client.hear("EVENT")
            large = await client.ask("EVENT", signed(keys, content="x" * 70_000), answer="OK")
            assert large[2] is False  # above the relay's limit, and with the longest frame header
            await client.ask("EVENT", signed(keys, BLOCKED_KIND), answer="OK")
            await client.say(text="not json")
            await client.hear("NOTICE")
            await (await client.socket.ping())
        records = await everything(stack)
        connection = (await stack.connections())[0]
    assert total(records, "payload_in") == client.payload_in
    assert total(records, "payload_out") == client.payload_out
    assert total(records, "bytes_in") == connection["bytes_in"] == wire.bytes_in
    assert total(records, "bytes_out") == connection["bytes_out"] == wire.bytes_out


async def test_compressed_connections_have_less_wire_than_payload(
    database: Database, tmp_path: Path, keys: Keys
) -> None:
    async with compressing_relay(tmp_path) as relay, running_stack(relay, database, tmp_path / "data") as stack:
        events = [signed(keys, content=f"note {number} " + "many words, " * 50) for number in range(8)]
        async with counting_wire(stack.port) as wire:
            async with talking(wire.url, compression="deflate") as client:
                extensions = [extension.name for extension in client.socket.protocol.extensions]
                for event in events:
                    await client.ask("EVENT", event, answer="OK")
                await client.ask("REQ", "all", {"kinds": [1]}, answer="EOSE")
            records = await everything(stack)
    assert extensions == ["permessage-deflate"]
    rows = records[: len(events) + 1]
    assert [(row["event_type"], row["outcome"], row["event_id"]) for row in rows] == [
        *(("EVENT", "ok", event["id"]) for event in events),
        ("REQ", "ok", None),
    ]
    assert rows[-1]["events_out"] == len(events)
    assert total(records, "payload_in") == client.payload_in > wire.bytes_in == total(records, "bytes_in")
    assert total(records, "payload_out") == client.payload_out > wire.bytes_out == total(records, "bytes_out")


async def test_nostr_sdk_counts_the_same_payload_and_gets_the_same_answers(
    database: Database, tmp_path: Path, keys: Keys
) -> None:
    notes = [EventBuilder(Kind(1), f"note {number}").finalize(keys) for number in range(3)]
    blocked = EventBuilder(Kind(BLOCKED_KIND), "no").finalize(keys)
    wait = timedelta(seconds=20)
    async with nostr_sdk_relay(LocalRelayBuilder()) as relay_url, running_stack(relay_url, database, tmp_path) as stack:
        client = ClientBuilder().build()
        url = RelayUrl.parse(stack.url)
        await client.add_relay(url)
        await client.try_connect(wait)
        outputs = [await client.send_event(event) for event in [*notes, notes[0], blocked]]
        found = await client.fetch_events(ReqTarget.auto([Filter().kind(Kind(1))]), wait)
        relay = await client.relay(url)
        assert relay is not None
        counted = await relay.count_events(Filter().kind(Kind(1)), wait)
        summary = await relay.sync(Filter().kind(Kind(1)))
        await stack.row_count(8)
        stats = relay.stats()
        sent, received = stats.bytes_sent(), stats.bytes_received()
        await client.shutdown()
        records = await everything(stack)

    rows = [row for row in records if "event_type" in row]
    told = [(row["event_type"], row["outcome"], row["error_code"]) for row in rows]
    accepted = [bool(output.success) for output in outputs]
    assert accepted == [True, True, True, True, False]
    assert told[:5] == [("EVENT", "ok", None)] * 3 + [("EVENT", "duplicate", None), ("EVENT", "rejected", "blocked")]
    assert [row["event_id"] for row in rows[:5]] == [event.id().to_hex() for event in [*notes, notes[0], blocked]]
    fetch = next(row for row in rows if row["event_type"] == "REQ")
    assert (fetch["outcome"], fetch["events_out"]) == ("ok", len(found)) == ("ok", 3)
    assert counted == 3
    assert ("COUNT", "ok", None) in told
    assert ("NEG-OPEN", "ok", None) in told
    assert len(summary.remote) in {0, 3}
    assert total(records, "payload_in") == sent
    assert total(records, "payload_out") == received
