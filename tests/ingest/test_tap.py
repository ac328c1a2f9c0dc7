"""What the tap does when things are not as they should be, and what it makes of requests."""

from __future__ import annotations

import asyncio
import gc
from ipaddress import ip_address

import pytest

from ingest.conversation import Conversation
from ingest.frames import FrameReader
from ingest.pairing import Pairing
from ingest.side import Side
from ingest.tap import Tap, running_tap
from ingest.upstream import Upstream
from tests.ingest.conftest import MakeSettings, spooled
from tests.ingest.frames import frame
from tests.ingest.scripted import DEADLINE, ScriptedRelay, Step
from tests.ingest.test_transparency import OPEN, SWITCH, UPGRADE

PLAIN = b"GET / HTTP/1.1\r\nHost: relay.example\r\n\r\n"


async def ask(tap: Tap, request: bytes) -> bytes:
    """The whole answer to a request."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
    return answer


async def seen_by_relay(tap: Tap, scripted: ScriptedRelay, request: bytes) -> bytes:
    """The head of the request that the relay gets."""
    async with asyncio.timeout(DEADLINE):
        _, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(request)
        reader, relay = await scripted.accepted()
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        relay.close()
    return head


async def test_a_relay_that_is_down_is_a_502_and_traffic_flows_when_it_is_back(make_settings: MakeSettings) -> None:
    async with ScriptedRelay() as relay, running_tap(make_settings(relay.url)) as tap:
        await relay.stop_listening()
        assert (await ask(tap, UPGRADE + b"\r\n")).startswith(b"HTTP/1.1 502 ")
        await relay.listen()
        transcript = await relay.play(OPEN, tap.port)
        assert transcript.client == SWITCH + b"\r\n"


async def test_a_relay_that_stops_ends_its_connections(scripted: ScriptedRelay, make_settings: MakeSettings) -> None:
    settings = make_settings(scripted.url)
    async with running_tap(settings) as tap, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(UPGRADE + b"\r\n")
        _, relay = await scripted.accepted()
        relay.write(SWITCH + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(b'["REQ","s",{}]'))
        while tap.observer.counters.client.messages < 1:  # noqa: ASYNC110 - the tap reads in this very loop
            await asyncio.sleep(0.01)
        await scripted.stop_listening()
        assert await reader.read() == b""
        writer.close()
    batches = spooled(settings)
    assert [(row.event_type, row.outcome) for batch in batches for row in batch.events] == [("REQ", "abandoned")]
    assert [each.events for batch in batches for each in batch.connections] == [1]


async def test_connections_that_have_ended_leave_nothing_to_a_garbage_collector(
    scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    request = frame(b'["REQ","s",{}]')
    talk: list[Step] = [*OPEN, ("client", request), ("relay", frame(b'["EOSE","s"]')), ("client", None)]
    async with running_tap(make_settings(scripted.url)) as tap, asyncio.timeout(DEADLINE):
        gc.collect()
        gc.disable()
        before = len(of_connections())
        try:
            await scripted.play(talk, tap.port)
            await scripted.play(
                [("client", PLAIN[:-2] + b"Connection: close\r\n\r\n"), ("relay", b"HTTP/1.1 200 OK\r\n\r\n")], tap.port
            )
            await scripted.stop_listening()
            assert (await ask(tap, UPGRADE + b"\r\n")).startswith(b"HTTP/1.1 502 ")
            while len(of_connections()) > before:  # noqa: ASYNC110 - the tap closes in this very loop
                await asyncio.sleep(0.01)
        finally:
            gc.enable()
        assert tap.observer.counters.closed == 1


def of_connections() -> list[object]:
    """All objects in memory that belong to a connection."""
    return [each for each in gc.get_objects() if isinstance(each, Side | Conversation | FrameReader | Pairing)]


async def test_too_many_connections_are_a_503(scripted: ScriptedRelay, make_settings: MakeSettings) -> None:
    async with running_tap(make_settings(scripted.url, tap_max_connections=1)) as tap:
        _, first = await asyncio.open_connection("127.0.0.1", tap.port)
        while tap.connections < 1:  # noqa: ASYNC110 - the tap accepts in this very loop
            await asyncio.sleep(0.01)
        assert (await ask(tap, UPGRADE + b"\r\n")).startswith(b"HTTP/1.1 503 ")
        first.close()


async def test_a_client_that_says_nothing_is_a_408(scripted: ScriptedRelay, make_settings: MakeSettings) -> None:
    async with running_tap(make_settings(scripted.url, tap_handshake_timeout=0.1)) as tap:
        assert (await ask(tap, b"GET / HTTP/1.1\r\n")).startswith(b"HTTP/1.1 408 ")


async def test_a_plain_request_is_the_only_one_of_its_connection(
    scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    async with running_tap(make_settings(scripted.url)) as tap, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(PLAIN + UPGRADE + b"\r\n")
        relay_reader, relay = await scripted.accepted()
        assert await relay_reader.readuntil(b"\r\n\r\n") == PLAIN[:-4] + b"\r\nConnection: close\r\n\r\n"
        relay.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        relay.write_eof()
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        assert await relay_reader.read() == b""


async def test_the_address_is_forwarded_if_asked_for(scripted: ScriptedRelay, make_settings: MakeSettings) -> None:
    settings = make_settings(scripted.url, tap_forward_address=True)
    async with running_tap(settings) as tap:
        spoofed = b"X-Real-IP: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6, 198.51.100.1\r\n\r\n"
        head = await seen_by_relay(tap, scripted, UPGRADE + spoofed)
    assert head == UPGRADE + b"X-Forwarded-For: 198.51.100.1\r\nX-Real-IP: 198.51.100.1\r\n\r\n"


async def test_no_address_is_kept(scripted: ScriptedRelay, make_settings: MakeSettings) -> None:
    settings = make_settings(scripted.url)
    script = [("client", UPGRADE + b"X-Forwarded-For: 198.51.100.77\r\n\r\n"), *OPEN[1:]]
    async with running_tap(settings) as tap:
        await scripted.play(script, tap.port)
    (connection,) = (each for batch in spooled(settings) for each in batch.connections)
    assert connection.opened_at is not None
    expected = tap.observer.identifier.name_address(ip_address("198.51.100.77"), connection.opened_at / 1e6)
    assert connection.client == expected
    for path in settings.data_dir.rglob("*"):
        assert path.is_dir() or b"198.51.100.77" not in path.read_bytes()


@pytest.mark.parametrize(
    ("url", "target", "sent"),
    [
        ("ws://relay:80", "/", "/"),
        ("ws://relay:80/", "/x?y", "/x?y"),
        ("ws://relay/nostr", "/", "/nostr"),
        ("ws://relay/nostr/", "/.well-known/nostr.json?name=a", "/nostr/.well-known/nostr.json?name=a"),
        ("ws://relay/?token=1", "/?a=b", "/?token=1&a=b"),
        ("ws://relay/nostr", "*", "*"),
    ],
)
def test_the_path_of_the_relay_is_put_before_the_clients(url: str, target: str, sent: str) -> None:
    assert Upstream.from_url(url).target(target) == sent


def test_a_relay_of_its_own_name_is_asked_by_it() -> None:
    head = b"GET / HTTP/1.1\r\nHost: my.tap\r\nUpgrade: websocket"
    assert Upstream.from_url("ws://relay.example").request(head) == head
    asked = Upstream.from_url("wss://relay.example").request(head)
    assert asked == b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nHost: relay.example"
    assert Upstream.from_url("wss://relay.example:8443").request(head).endswith(b"\r\nHost: relay.example:8443")


async def test_traffic_flows_when_nothing_can_be_recorded(scripted: ScriptedRelay, make_settings: MakeSettings) -> None:
    settings = make_settings(scripted.url)
    for name in ("spool", "keys"):
        (settings.data_dir / name).write_text("in the way")
    async with running_tap(settings) as tap:
        transcript = await scripted.play(OPEN, tap.port)
    assert transcript.client == SWITCH + b"\r\n"
    assert tap.recorder.dropped > 0 or tap.observer.counters.failures > 0
