"""What Nostr kinds are called: the ones a relay sees most, by their NIPs (https://github.com/nostr-protocol/nips)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "Profile",
        1: "Text note",
        3: "Follows",
        4: "Direct message (NIP-04)",
        5: "Deletion",
        6: "Repost",
        7: "Reaction",
        13: "Seal",
        14: "Direct message (NIP-17)",
        16: "Generic repost",
        40: "Channel",
        42: "Channel message",
        1059: "Gift wrap",
        1063: "File",
        1111: "Comment",
        1311: "Live chat",
        1984: "Report",
        9734: "Zap request",
        9735: "Zap",
        10000: "Mute list",
        10002: "Relay list",
        10050: "Inbox relays",
        13194: "Wallet info",
        22242: "Authentication",
        23194: "Wallet request",
        23195: "Wallet response",
        24133: "Remote signing",
        27235: "HTTP authentication",
        30000: "Follow set",
        30023: "Article",
        30078: "Application data",
        30311: "Live event",
    }
)


def label(kind: int | None) -> str:
    """`1 · Text note`; the number alone where the kind has no common name, `unreadable` for None."""
    if kind is None:
        return "unreadable"
    return f"{kind} · {NAMES[kind]}" if kind in NAMES else str(kind)
