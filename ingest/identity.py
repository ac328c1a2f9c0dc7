"""Who a connection belongs to, before it authenticates: a configured key, else a keyed hash of its address.

Raw addresses are never stored or logged. The key of the hash rotates, and the old key is deleted with it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core.metadata import without_addresses
from core.records import IdentityKind
from ingest.http_head import Head

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PLAIN_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEY_BYTES = 32
_DAY = 86_400


class Identity(NamedTuple):
    """`client` is the name on rows, `kind` what it is made of."""

    client: str
    kind: IdentityKind


def parse_networks(networks: Sequence[str]) -> tuple[Network, ...]:
    """Raises ValueError for what is no network."""
    return tuple(ipaddress.ip_network(each, strict=False) for each in networks)


def parse_address(text: str) -> Address | None:
    """The address in `1.2.3.4`, `1.2.3.4:567`, `::1` or `[::1]:567`; None when there is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def client_address(peer: str | None, head: Head, trusted: Sequence[Network]) -> Address | None:
    """The client's own address: what trusted proxies say, walking from the nearest; what others say is ignored.

    `peer` is the address of the TCP connection; None for a UNIX socket, which only a trusted proxy can reach.
    """

    def is_trusted(address: Address) -> bool:
        return any(address in network for network in trusted)

    nearest = parse_address(peer) if peer is not None else None
    if peer is not None and (nearest is None or not is_trusted(nearest)):
        return nearest
    forwarded = head.get_all("x-forwarded-for")
    for hop in reversed(",".join(forwarded).split(",")) if forwarded else ():
        address = parse_address(hop)
        if address is None:
            break
        nearest = address
        if not is_trusted(address):
            return nearest
    if forwarded:
        return nearest
    named = (parse_address(head.get(name) or "") for name in ("cf-connecting-ip", "x-real-ip"))
    return next((address for address in named if address is not None), nearest)


class KeyRing:
    """Secret keys in a directory, 0600 each: one that rotates for addresses, one that stays for configured keys."""

    def __init__(self, directory: Path, rotation_days: int) -> None:
        self._directory = directory
        self._days = rotation_days
        self._period: int | None = None
        self._address_key = b""
        self._lasting_key: bytes | None = None

    def address_key(self, now: float) -> bytes:
        """The key for addresses at `now` (seconds since the Unix epoch). Keys of earlier periods are deleted."""
        period = int(now // (self._days * _DAY)) if self._days else 0
        if period != self._period:
            name = f"address-{period}.key" if self._days else "address.key"
            self._address_key = self._load(name)
            self._period = period
            if self._days:
                self._forget_before(period)
        return self._address_key

    def written_key(self, now: float, written: float) -> bytes:
        """The key at `now` for an address in a line of a log, `written` at that time.

        Keys of past periods are gone, so those lines get keys made of the present one and their period: lines of one
        period share a name whatever file they are in, those of two periods do not, and with the present key goes the
        last way from an address to these names.
        """
        key = self.address_key(now)
        period = int(written // (self._days * _DAY)) if self._days else 0
        return key if period == self._period else hmac.digest(key, f"period {period}".encode(), "sha256")

    def lasting_key(self) -> bytes:
        """The key for secrets that name a client for ever."""
        if self._lasting_key is None:
            self._lasting_key = self._load("client.key")
        return self._lasting_key

    def _forget_before(self, period: int) -> None:
        for path in self._directory.glob("address-*.key"):
            number = path.stem.removeprefix("address-")
            if number.isdigit() and int(number) < period:
                path.unlink(missing_ok=True)

    def _load(self, name: str) -> bytes:
        """The key in a file, made on first use; several processes agree on the first one made."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._directory / name
        if not path.exists():
            draft = self._directory / f".{name}.{secrets.token_hex(8)}"
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # another process was first
            finally:
                draft.unlink()
        return path.read_bytes()


class Identifier:
    """Names connections. One per process."""

    def __init__(self, keys: KeyRing, trusted: Sequence[Network], client_key: str, client_key_header: str) -> None:
        self._keys = keys
        self._trusted = trusted
        self._client_key = client_key
        self._header = client_key_header.lower()

    def rotate(self, now: float) -> None:
        """Take the key of the period of `now` (seconds since the Unix epoch) and destroy older ones, whether anybody
        comes or not."""
        self._keys.address_key(now)

    def address(self, peer: str | None, head: Head) -> Address | None:
        """The client's address, as far as it can be believed."""
        return client_address(peer, head, self._trusted)

    def trusts(self, peer: str | None) -> bool:
        """Whether what this peer says of others' addresses is believed; None is a UNIX socket."""
        address = parse_address(peer) if peer is not None else None
        return peer is None or (address is not None and any(address in network for network in self._trusted))

    def identify(self, peer: str | None, head: Head, now: float, written: float | None = None) -> Identity:
        """Names the client of a request. Times are seconds since the Unix epoch: `now`, and `written`, that of a line
        of a log."""
        key = self._configured_key(head)
        if key:
            return Identity(f"key:{key}", "key")
        return Identity(self.name_address(self.address(peer, head), now, written), "address")

    def name_address(self, address: Address | None, now: float, written: float | None = None) -> str:
        """`addr:` and 20 hexadecimal digits; the addresses of an IPv6 /64 share a name. Times as for `identify`."""
        if address is None:
            text = "unknown"
        elif isinstance(address, ipaddress.IPv6Address):
            text = str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
        else:
            text = str(address)
        key = self._keys.address_key(now) if written is None else self._keys.written_key(now, written)
        return "addr:" + _digest(key, text)

    def _configured_key(self, head: Head) -> str | None:
        match self._client_key:
            case "path":
                return self._plain(head.target.partition("?")[0].strip("/").partition("/")[0])
            case "subdomain":
                host = (head.get("host") or "").partition(":")[0]
                labels = host.split(".")
                return self._plain(labels[0]) if len(labels) > 2 and not labels[-1].isdigit() else None
            case "header":  # may be a secret token: only its keyed hash is kept
                value = head.get(self._header)
                return _digest(self._keys.lasting_key(), value) if value else None
        return None

    def _plain(self, text: str) -> str | None:
        if not text:
            return None
        readable = _PLAIN_KEY.fullmatch(text) and without_addresses(text) == text
        return text if readable else _digest(self._keys.lasting_key(), text)


def _digest(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:20]
