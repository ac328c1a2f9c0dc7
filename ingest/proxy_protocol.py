"""The header of the PROXY protocol, versions 1 and 2: which client a connection comes from that a proxy passes on.

Pure functions on bytes, after https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from core.exceptions import BadProxyHeaderError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

V1 = b"PROXY "
V1_LONGEST = 107
V2 = b"\r\n\r\n\x00\r\nQUIT\n"
V2_FIXED = 16
V2_LONGEST = 4096
"""The specification allows 64 KiB of additional fields; proxies in use send a few hundred bytes at most."""
LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6 = 0x11, 0x21


class ProxyHeader(NamedTuple):
    """`client` is None when the proxy speaks for itself or does not know; then the connection's own address counts."""

    client: Address | None
    length: int  # of the header, in bytes


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header that `data` begins with; None when more bytes are needed. Raises BadProxyHeaderError for anything
    that cannot become one."""
    if data.startswith(V2[: len(data)]):
        return _read_v2(data)
    if data.startswith(V1[: len(data)]):
        return _read_v1(data)
    raise BadProxyHeaderError("no PROXY header")


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data[:V1_LONGEST].find(b"\r\n")
    if end < 0:
        if len(data) >= V1_LONGEST:
            raise BadProxyHeaderError("version 1: no end of line")
        return None
    words = data[:end].split(b" ")
    if words[1] == b"UNKNOWN":
        return ProxyHeader(None, end + 2)
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise BadProxyHeaderError("version 1: not the six words of TCP4 or TCP6")
    version = 4 if words[1] == b"TCP4" else 6
    client, server = (_address(word, version) for word in words[2:4])
    if client is None or server is None or not all(_is_port(word) for word in words[4:]):
        raise BadProxyHeaderError("version 1: not an address and a port each")
    return ProxyHeader(client, end + 2)


def _address(word: bytes, version: int) -> Address | None:
    try:
        address = ipaddress.ip_address(word.decode("ascii"))
    except ValueError:
        return None
    return address if address.version == version and b"%" not in word else None


def _is_port(word: bytes) -> bool:
    return word.isdigit() and len(word) <= 5 and int(word) <= 65535


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < V2_FIXED:
        return None
    command, family, length = data[12], data[13], int.from_bytes(data[14:16], "big")
    if command not in (LOCAL, PROXY):
        raise BadProxyHeaderError("version 2: neither LOCAL nor PROXY")
    if V2_FIXED + length > V2_LONGEST:
        raise BadProxyHeaderError("version 2: too long")
    if len(data) < V2_FIXED + length:
        return None
    if command == LOCAL or family not in (TCP4, TCP6):
        return ProxyHeader(None, V2_FIXED + length)
    size = 4 if family == TCP4 else 16
    if length < 2 * size + 4:
        raise BadProxyHeaderError("version 2: shorter than its addresses")
    return ProxyHeader(ipaddress.ip_address(data[V2_FIXED : V2_FIXED + size]), V2_FIXED + length)
