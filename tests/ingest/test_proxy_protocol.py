"""The PROXY protocol: what proxies send is read, nothing else is, and only trusted proxies are believed."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.exceptions import BadProxyHeaderError
from core.records import Connection
from core.settings import Settings
from ingest.identity import Identifier, KeyRing
from ingest.proxy_protocol import V2, V2_LONGEST, ProxyHeader, read_proxy_header
from ingest.tap import running_tap
from tests.ingest.conftest import MakeSettings, spooled
from tests.ingest.scripted import DEADLINE, ScriptedRelay
from tests.ingest.test_transparency import OPEN, SWITCH, UPGRADE

CLIENT4 = ipaddress.ip_address("203.0.113.7")
CLIENT6 = ipaddress.ip_address("2001:db8::7")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def v1(client: Address, port: int = 1234) -> bytes:
    return f"PROXY TCP{client.version} {client} {client} {port} 443\r\n".encode()


def v2(client: Address, *, command: int = 0x21, family: int | None = None, more: bytes = b"") -> bytes:
    body = client.packed + client.packed + b"\x04\xd2\x01\xbb" + more
    kind = family if family is not None else 0x11 if client.version == 4 else 0x21
    return V2 + bytes((command, kind)) + len(body).to_bytes(2, "big") + body


addresses: st.SearchStrategy[Address] = st.ip_addresses()
headers: st.SearchStrategy[tuple[bytes, Any]] = st.one_of(
    st.builds(lambda client, port: (v1(client, port), client), addresses, st.integers(0, 65535)),
    st.builds(lambda client, more: (v2(client, more=more), client), addresses, st.binary(max_size=300)),
    st.builds(lambda client: (v2(client, command=0x20), None), addresses),
    st.builds(lambda client, family: (v2(client, family=family), None), addresses, st.sampled_from([0x00, 0x31, 0x12])),
    st.just((b"PROXY UNKNOWN\r\n", None)),
    st.just((b"PROXY UNKNOWN ffff::1 some thing 1 2\r\n", None)),
)


@given(headers, st.binary(max_size=50))
def test_a_header_is_read_once_it_is_whole_and_what_follows_is_left(
    header: tuple[bytes, Address | None], rest: bytes
) -> None:
    data, client = header
    for length in range(len(data)):
        assert read_proxy_header(data[:length]) is None
    assert read_proxy_header(data + rest) == ProxyHeader(client, len(data))


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(lambda more: V2 + more),
                 st.binary(max_size=100).map(lambda more: b"PROXY " + more)))  # fmt: skip
def test_any_bytes_are_a_header_or_the_beginning_of_one_or_refused(data: bytes) -> None:
    try:
        header = read_proxy_header(data)
    except BadProxyHeaderError:
        with pytest.raises(BadProxyHeaderError):  # more bytes do not make it better
            read_proxy_header(data + b"x")
        return
    if header is None:
        assert len(data) < V2_LONGEST
    else:
        assert header.length <= len(data)
        assert read_proxy_header(data[: header.length]) == header


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 203.0.113.7 203.0.113.8 1 2 3\r\n",
        b"PROXY TCP4 203.0.113.7 203.0.113.8 1\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::8 1 2\r\n",
        b"PROXY TCP6 203.0.113.7 203.0.113.8 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
        b"PROXY TCP4 203.0.113.7 203.0.113.8 65536 2\r\n",
        b"PROXY TCP4 203.0.113.7 203.0.113.8 -1 2\r\n",
        b"PROXY TCP4 203.0.113.0007 203.0.113.8 1 2\r\n",
        b"PROXY UDP4 203.0.113.7 203.0.113.8 1 2\r\n",
        b"PROXY " + b"x" * 120,
        b"\r\n\r\n\x00\r\nQUIT\r",
        V2 + b"\x11\x11\x00\x0c" + bytes(12),
        V2 + b"\x22\x11\x00\x0c" + bytes(12),
        V2 + b"\x21\x11\x00\x04" + bytes(4),
        V2 + b"\x21\x21\x00\x0c" + bytes(12),
        V2 + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(BadProxyHeaderError):
        read_proxy_header(data)


def name_of(settings: Settings, client: Address, connection: Connection) -> str:
    """The name that a connection gets when it is this client's."""
    assert connection.opened_at is not None
    keys = KeyRing(settings.data_dir / "keys", settings.address_key_days)
    return Identifier(keys, (), "address", "").name_address(client, connection.opened_at / 1e6)


@pytest.mark.parametrize("header", [v1(CLIENT4), v2(CLIENT4), v2(CLIENT6, more=b"\x04\x00\x01x"), v1(CLIENT6)])
@pytest.mark.parametrize("at_once", [True, False])
async def test_the_connection_is_the_clients_and_the_relay_sees_nothing_of_the_header(
    header: bytes, at_once: bool, scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    settings = make_settings(scripted.url, tap_proxy_protocol=True)
    async with running_tap(settings) as tap, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        for piece in [header + UPGRADE + b"\r\n"] if at_once else [header[:9], header[9:], UPGRADE, b"\r\n"]:
            writer.write(piece)
            await writer.drain()
        relay_reader, relay = await scripted.accepted()
        assert await relay_reader.readuntil(b"\r\n\r\n") == UPGRADE + b"\r\n"
        relay.write(SWITCH + b"\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == SWITCH + b"\r\n"
        writer.close()
        assert await relay_reader.read() == b""
    (connection,) = (each for batch in spooled(settings) for each in batch.connections)
    assert connection.client == name_of(
        settings, CLIENT6 if b":" in header or header[13:14] == b"\x21" else CLIENT4, connection
    )
    assert connection.bytes_in == len(UPGRADE) + 2


async def test_a_client_behind_the_proxy_cannot_name_another_address(
    scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    settings = make_settings(scripted.url, tap_proxy_protocol=True, tap_forward_address=True)
    async with running_tap(settings) as tap, asyncio.timeout(DEADLINE):
        _, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(v2(CLIENT4) + UPGRADE + b"X-Forwarded-For: 6.6.6.6\r\n\r\n")
        relay_reader, relay = await scripted.accepted()
        head = await relay_reader.readuntil(b"\r\n\r\n")
        assert head == UPGRADE + b"X-Forwarded-For: 203.0.113.7\r\nX-Real-IP: 203.0.113.7\r\n\r\n"
        writer.close()
        relay.close()


@pytest.mark.parametrize("sent", [UPGRADE + b"\r\n", b"PROXY TCP4 what is this\r\n" + UPGRADE + b"\r\n"])
async def test_a_trusted_proxy_without_a_proper_header_is_closed_and_counted(
    sent: bytes, scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    async with running_tap(make_settings(scripted.url, tap_proxy_protocol=True)) as tap, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(sent)
        assert await reader.read() == b""
        writer.close()
        assert tap.observer.counters.proxy_headers == 1
        assert tap.observer.counters.http == 0


async def test_others_have_no_header_and_theirs_is_not_believed(
    scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    settings = make_settings(scripted.url, tap_proxy_protocol=True, tap_trusted_proxies=("10.0.0.0/8",))
    async with running_tap(settings) as tap:
        transcript = await scripted.play(OPEN, tap.port)
        assert transcript.client == SWITCH + b"\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(v1(CLIENT4) + UPGRADE + b"\r\n")  # the relay may make of it what it likes
        relay_reader, relay = await scripted.accepted()
        assert (await relay_reader.readuntil(b"\r\n")) == v1(CLIENT4)
        writer.close()
        relay.close()
    loopback = ipaddress.ip_address("127.0.0.1")
    connections = [each for batch in spooled(settings) for each in batch.connections]
    assert [each.client for each in connections] == [name_of(settings, loopback, connections[0])]
