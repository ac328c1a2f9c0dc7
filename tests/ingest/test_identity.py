"""Whose connection it is: proxies that are believed, keys that rotate, names that hide the address."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from ingest.http_head import Head
from ingest.identity import Identifier, Identity, KeyRing, client_address, parse_networks

TRUSTED = parse_networks(("127.0.0.0/8", "10.0.0.0/8", "::1/128"))
DAY = 86_400.0


def request(target: str = "/", **headers: str) -> Head:
    return Head("GET", target, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


@pytest.mark.parametrize(
    ("peer", "head", "address"),
    [
        ("203.0.113.9", request(), "203.0.113.9"),
        ("203.0.113.9", request(x_forwarded_for="198.51.100.1", x_real_ip="198.51.100.1"), "203.0.113.9"),
        ("127.0.0.1", request(), "127.0.0.1"),
        ("127.0.0.1", request(x_forwarded_for="198.51.100.1"), "198.51.100.1"),
        ("127.0.0.1", request(x_forwarded_for="6.6.6.6, 198.51.100.1, 10.1.2.3"), "198.51.100.1"),
        ("127.0.0.1", request(x_forwarded_for="198.51.100.1:4711"), "198.51.100.1"),
        ("127.0.0.1", request(x_forwarded_for="[2001:db8::5]:4711"), "2001:db8::5"),
        ("127.0.0.1", request(x_forwarded_for="6.6.6.6, nonsense"), "127.0.0.1"),
        ("127.0.0.1", request(cf_connecting_ip="198.51.100.7"), "198.51.100.7"),
        ("127.0.0.1", request(x_real_ip="198.51.100.8"), "198.51.100.8"),
        ("127.0.0.1", request(x_real_ip="6.6.6.6", x_forwarded_for="198.51.100.1"), "198.51.100.1"),
        ("::ffff:127.0.0.1", request(x_real_ip="198.51.100.8"), "198.51.100.8"),
        (None, request(x_real_ip="198.51.100.8"), "198.51.100.8"),
        (None, request(), "None"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str | None, head: Head, address: str) -> None:
    assert str(client_address(peer, head, TRUSTED)) == address


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys", rotation_days=30)


def identifier(keys: KeyRing, client_key: str = "address") -> Identifier:
    return Identifier(keys, TRUSTED, client_key, "X-Client-Key")


def test_an_address_becomes_a_stable_name_that_does_not_show_it(keys: KeyRing) -> None:
    name = identifier(keys).identify("203.0.113.9", request(), 0.0)
    assert name == identifier(keys).identify("203.0.113.9", request(), 29 * DAY)
    assert name.kind == "address"
    assert re.fullmatch(r"addr:[0-9a-f]{20}", name.client)
    assert name.client != identifier(keys).identify("203.0.113.10", request(), 0.0).client


def test_a_network_of_ipv6_is_one_client(keys: KeyRing) -> None:
    one, two, three = (
        identifier(keys).identify(peer, request(), 0.0).client
        for peer in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")
    )
    assert one == two != three


def test_the_key_rotates_and_the_old_one_is_gone(keys: KeyRing, tmp_path: Path) -> None:
    first = identifier(keys).identify("203.0.113.9", request(), 0.0)
    files = list((tmp_path / "keys").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600]
    assert identifier(keys).identify("203.0.113.9", request(), 31 * DAY) != first
    assert files[0] not in (tmp_path / "keys").iterdir()


def test_every_worker_uses_the_same_key(tmp_path: Path) -> None:
    one, two = (KeyRing(tmp_path, rotation_days=0) for _ in range(2))
    assert one.address_key(0.0) == two.address_key(400 * DAY)


@pytest.mark.parametrize(
    ("client_key", "head", "client"),
    [
        ("path", request("/alice?x=1"), "key:alice"),
        ("path", request("/alice/inbox"), "key:alice"),
        ("subdomain", request(host="alice.relay.example:443"), "key:alice"),
    ],
)
def test_a_configured_key_names_the_client(keys: KeyRing, client_key: str, head: Head, client: str) -> None:
    assert identifier(keys, client_key).identify("203.0.113.9", head, 0.0) == Identity(client, "key")


@pytest.mark.parametrize(
    ("client_key", "head"),
    [
        ("path", request("/")),
        ("subdomain", request(host="relay.example")),
        ("subdomain", request(host="192.0.2.1:7777")),
        ("header", request()),
    ],
)
def test_without_its_key_a_client_is_its_address(keys: KeyRing, client_key: str, head: Head) -> None:
    assert identifier(keys, client_key).identify("203.0.113.9", head, 0.0).kind == "address"


def test_a_header_token_is_not_stored_and_does_not_rotate(keys: KeyRing) -> None:
    head = request(x_client_key="s3cret-token")
    name = identifier(keys, "header").identify("203.0.113.9", head, 0.0)
    assert re.fullmatch(r"key:[0-9a-f]{20}", name.client)
    assert name == identifier(keys, "header").identify("203.0.113.10", head, 300 * DAY)


def test_keys_are_destroyed_on_time_also_when_nobody_comes(keys: KeyRing, tmp_path: Path) -> None:
    identifier = Identifier(keys, (), "", "")
    identifier.rotate(0.0)
    identifier.rotate(30 * 86_400.0)
    assert [path.name for path in (tmp_path / "keys").glob("address-*.key")] == ["address-1.key"]
