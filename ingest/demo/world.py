"""What the demo's clients look like, live and in history: applications, mixes of verbs and kinds, addresses, people.

The shares are those measured on public relays.
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import NamedTuple


class App(NamedTuple):
    """A client application: its name, what it sends as User-Agent and as subscription id, and its share of clients."""

    name: str
    user_agent: str
    subscription: str
    share: float


APPS: tuple[App, ...] = (
    App("Damus", "Damus/1.12", "{n:08X}-4F2A", 24),
    App("Amethyst", "Amethyst/1.04.2", "hm{n:x}", 22),
    App("Primal", "Primal/2.3.1", "primal_{n}", 18),
    App("Snort", "Snort/0.3.0", "Query-{n}", 8),
    App("Coracle", "Coracle/0.6.9", "REQ-{n}", 8),
    App("noStrudel", "noStrudel/0.46.0", "timeline:{n:x}", 7),
    App("Gossip", "gossip/0.14.0", "general_feed_{n}", 6),
    App("nostr-tools", "nostr-tools/2.19", "sub:{n}", 5),
    App("rust-nostr", "rust-nostr/0.45", "{n:016x}", 2),
)

STORED_KINDS: dict[int, float] = {
    1: 39, 7: 19, 4: 5.6, 0: 4.7, 3: 4.5, 6: 4.4, 5: 3, 9735: 2.8, 1059: 2.2, 10002: 1.9, 30023: 1, 1984: 0.25,
}  # fmt: skip
"""Kinds that relays store, by share in per cent."""

EPHEMERAL_KINDS: dict[int, float] = {20001: 3, 24133: 2.5}
"""Kinds that pass by and are never stored."""

BLOCKED_KINDS: tuple[int, ...] = (1337, 30078)
"""Kinds the demo relay refuses."""

SPAM_WORD = "airdrop"
"""The demo relay refuses events whose content holds it."""

VERBS: dict[str, float] = {
    "REQ": 60, "CLOSE": 25, "EVENT": 12, "COUNT": 1.2, "AUTH": 0.7,
    "NEG-OPEN": 0.4, "NEG-MSG": 0.3, "NEG-CLOSE": 0.3, "OTHER": 0.1,
}  # fmt: skip
"""Verbs of client messages, by share in per cent."""

DUPLICATE_SHARE = 0.3
"""Share of EVENTs that the relay already has: clients publish to many relays and copy between them."""

REJECTED_SHARE = 0.05
"""Share of EVENTs that the relay refuses on a quiet day."""

DOCUMENTATION_NETWORKS = tuple(
    ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
)
IPV6_DOCUMENTATION = ipaddress.IPv6Address("2001:db8::")


def address(person: int) -> str:
    """The network address of a person: from the ranges reserved for documentation, distinct for distinct numbers.

    The first 762 get IPv4 addresses, the others a /64 of their own.
    """
    network, host = divmod(person, 254)
    if network < len(DOCUMENTATION_NETWORKS):
        return str(DOCUMENTATION_NETWORKS[network][host + 1])
    return str(IPV6_DOCUMENTATION + (person << 64) + 1)


def secret_key(person: int) -> str:
    """The secret key (hex) of a person: the same in every run, so that live clients are the ones history knows."""
    return hashlib.sha256(f"relay-analytics demo person {person}".encode()).hexdigest()
