"""Where a connection may go: hosts that somebody typed in shall not lead into the operator's own network."""

from __future__ import annotations

import ipaddress
import socket

from core.exceptions import DeliveryFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, seen through the ways IPv6 has to write one of IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host. Raises DeliveryFailed (worth another attempt) when there are none at the moment."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"The name {host} cannot be resolved.", retryable=True) from error
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def require_public(host: str, addresses: list[Address]) -> None:
    """Raises DeliveryFailed when one of a host's addresses is private, loopback or otherwise not public."""
    if not all(is_public(address) for address in addresses):
        raise DeliveryFailed(
            f"{host} is not on the open internet; DELIVERY_PRIVATE_ADDRESSES=true allows that.", retryable=False
        )
