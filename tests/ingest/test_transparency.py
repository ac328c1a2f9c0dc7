"""The tap changes nothing: the same conversation with and without it gives both ends the same bytes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from core.records import Delivery, Event
from ingest.tap import running_tap
from tests.ingest.conftest import MakeSettings, spooled
from tests.ingest.frames import Deflater, frame
from tests.ingest.scripted import ScriptedRelay, Step

UPGRADE = (
    b"GET /some/path?x=%20y HTTP/1.1\r\nHost: relay.example:7777\r\nUpgrade: WebSocket\r\n"
    b"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\nX-Odd-Header:   kept as it is  \r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)
OPEN: list[Step] = [("client", UPGRADE + b"\r\n"), ("relay", SWITCH + b"\r\n")]
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12; server_max_window_bits=12\r\n"
COMPRESSED: list[Step] = [
    ("client", UPGRADE + b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"),
    ("relay", SWITCH + DEFLATE + b"\r\n"),
]
HUGE = random.Random(3).randbytes(1_500_000)


def client(data: bytes, opcode: int = 1, *, final: bool = True, rsv: int = 0) -> Step:
    return "client", frame(data, opcode, final=final, rsv=rsv)


def relay(data: bytes, opcode: int = 1, *, final: bool = True, rsv: int = 0) -> Step:
    return "relay", frame(data, opcode, final=final, rsv=rsv, masked=False)


def compressed() -> list[Step]:
    up, down = Deflater(12), Deflater(12)
    steps = list(COMPRESSED)
    for number in range(3):
        steps.append(client(up(b'["REQ","sub-%d",{"kinds":[1]}]' % number), rsv=0x40))
        steps.append(relay(down(b'["EOSE","sub-%d"]' % number), rsv=0x40))
    return steps


SCRIPTS: dict[str, Sequence[Step]] = {
    "text": [*OPEN, client(b'["REQ","s",{}]'), relay(b'["EOSE","s"]'), client(b"\x03\xe8", 8), relay(b"\x03\xe8", 8)],
    "binary": [*OPEN, client(b"\x00\xff" * 50, 2), relay(b"\xfe\x01" * 50, 2)],
    "fragments with a ping between": [
        *OPEN,
        client(b'["CLO', final=False),
        client(b"are you there", 9),
        relay(b"are you there", 10),
        client(b'SE","s"]', 0),
        relay(b"[", final=False),
        relay(b"]", 0),
    ],
    "compressed with a window of 12 bits": compressed(),
    "huge": [*OPEN, client(HUGE, 2), relay(HUGE[::-1], 2), client(b'["CLOSE","s"]')],
    "invalid frames": [
        *OPEN,
        ("client", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("relay", b"\x83\x00 nonsense"),
        client(b'["CLOSE","s"]'),
        relay(b"\x03\xea", 8),
    ],
    "a whole conversation in one packet": [
        ("client", UPGRADE + b"\r\n" + frame(b'["REQ","s",{}]')),
        ("relay", SWITCH + b"\r\n" + frame(b'["EOSE","s"]', masked=False)),
    ],
    "a refused upgrade": [
        ("client", UPGRADE + b"\r\n"),
        ("relay", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"),
    ],
    "GET": [
        ("client", b"GET / HTTP/1.1\r\nHost: a\r\nAccept: application/nostr+json\r\nConnection: close\r\n\r\n"),
        ("relay", b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"name":"x"}'),
        ("relay", None),
    ],
    "POST": [
        ("client", b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n" + HUGE[:1000]),
        ("client", HUGE[1000:300_000]),
        ("relay", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
    "POST in chunks": [
        ("client", b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("client", b"5\r\nhello\r\n"),
        ("client", b"0\r\n\r\n"),
        ("relay", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n"),
    ],
    "OPTIONS": [
        ("client", b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        ("relay", b"HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\r\n"),
    ],
    "a method nobody knows": [
        ("client", b"BREW /pot HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        ("relay", b"HTTP/1.1 418 I'm a teapot\r\n\r\n"),
    ],
    "no HTTP at all": [("client", b"\x16\x03\x01\x02\x00\x01\x00"), ("relay", b"\x15\x03\x01\x00\x02\x02\x46")],
    "half-close by the client": [*OPEN, client(b'["REQ","s",{}]'), ("client", None), relay(b'["EOSE","s"]')],
    "half-close by the relay": [*OPEN, relay(b'["NOTICE","bye"]'), ("relay", None), client(b'["CLOSE","s"]')],
}


@pytest.mark.parametrize("name", SCRIPTS)
async def test_both_ends_receive_the_same_bytes(
    name: str, scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    script = SCRIPTS[name]
    direct = await scripted.play(script)
    settings = make_settings(scripted.url)
    async with running_tap(settings) as tap:
        tapped = await scripted.play(script, tap.port)
    assert direct.relay == b"".join(data for who, data in script if who == "client" and data)
    assert tapped == direct
    assert tap.observer.counters.failures == 0


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "no HTTP at all"])
async def test_every_byte_of_it_is_recorded_once(
    name: str, scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    settings = make_settings(scripted.url)
    async with running_tap(settings) as tap:
        transcript = await scripted.play(SCRIPTS[name], tap.port)
    batches = spooled(settings)
    counted: list[Event | Delivery] = []
    for batch in batches:
        counted += batch.events
        counted += batch.deliveries
    assert sum(record.bytes_in for record in counted) == len(transcript.relay)
    assert sum(record.bytes_out for record in counted) == len(transcript.client)


async def test_compressed_messages_are_read(scripted: ScriptedRelay, make_settings: MakeSettings) -> None:
    settings = make_settings(scripted.url)
    async with running_tap(settings) as tap:
        await scripted.play(compressed(), tap.port)
    rows = [row for batch in spooled(settings) for row in batch.events]
    assert [(row.event_type, row.outcome) for row in rows] == [("REQ", "ok")] * 3
    assert [row.payload_in for row in rows] == [len(b'["REQ","sub-0",{"kinds":[1]}]')] * 3
    assert rows[2].bytes_in < rows[0].bytes_in  # what the first one said is only referred to


async def test_strip_removes_the_offer_of_compression(scripted: ScriptedRelay, make_settings: MakeSettings) -> None:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    async with running_tap(make_settings(scripted.url, tap_compression="strip")) as tap:
        _, client_side = await asyncio.open_connection("127.0.0.1", tap.port)
        client_side.write(UPGRADE + offer + b"\r\n")
        reader, relay_side = await scripted.accepted()
        assert await reader.readuntil(b"\r\n\r\n") == UPGRADE + b"\r\n"
        client_side.close()
        relay_side.close()
