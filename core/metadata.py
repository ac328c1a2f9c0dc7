"""What a row may say beside its columns: the allow-list of metadata, and texts made free of addresses.

The list is enforced where rows are stored, whoever made them. What is not on it is left out and counted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import filter_shapes


@dataclass(frozen=True)
class Fact:
    """`kind` is the type of its values; `longest` bounds a text, in characters; `pattern` is all it may be."""

    name: str
    kind: type
    meaning: str
    longest: int = 0
    pattern: re.Pattern[str] | None = None

    def admits(self, value: object) -> bool:
        if type(value) is not self.kind:
            return False
        if not isinstance(value, str):
            return True
        return len(value) <= self.longest and (self.pattern is None or self.pattern.fullmatch(value) is not None)


ALLOWED = (
    Fact("reason", str, "text of a refusal as the relay worded it, cut, addresses in it masked", 200),
    Fact("filters", int, "number of filters of a REQ or COUNT"),
    Fact(
        "shape",
        str,
        "shape of those filters, their keys and the lengths of their lists, never their values",
        filter_shapes.LONGEST,
        filter_shapes.PATTERN,
    ),
    Fact("sub", str, "class of the subscription id, such as uuid", 64),
    Fact("inferred", bool, "whether the pairing of message and answer is an inference"),
    Fact("type", str, "verb of a message that is none of Nostr's, as another service named it", 64),
    Fact("identities", int, "pubkeys that the connection has authenticated, when several"),
)
"""Everything else that an event carries (content, tags, values of filters, headers) is never stored."""

FACTS = {fact.name: fact for fact in ALLOWED}

MASK = "[address]"
_IPV4 = re.compile(r"(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)|(?<!\d)\d{1,3}(?:-\d{1,3}){3}(?!\d)")
"""192.0.2.1, and 192-0-2-1 as names of hosts have it."""
_COLONS = re.compile(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,}")
"""What may hold an IPv6 address."""


def allowed(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """What of it is on the list, its texts without addresses; and whether that is all of it."""
    kept = {name: value for name, value in metadata.items() if name in FACTS and FACTS[name].admits(value)}
    whole = len(kept) == len(metadata)
    return {name: without_addresses(value) if name == "reason" else value for name, value in kept.items()}, whole


def without_addresses(text: str) -> str:
    """A text from outside with every IP address in it masked. Times such as 12:30:00 stay."""
    if "." in text or "-" in text:
        text = _IPV4.sub(MASK, text)
    return _COLONS.sub(_masked, text) if text.count(":") > 1 else text


def is_address(text: str) -> bool:
    """Whether the text is an IP address and nothing else, a zone or brackets or a port included."""
    bare = text.strip().partition("%")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    return _parsed(bare)


def _masked(match: re.Match[str]) -> str:
    """The address may follow another word and a colon: `from:2001:db8::1`."""
    run, before, after = match[0], match.string[: match.start()], match.string[match.end() :]
    if after[:1].isalnum():
        return run
    starts = [0, *(place + 1 for place, sign in enumerate(run) if sign == ":")]
    for start in starts:
        glued = start == 0 and before[-1:].isalnum()
        for end in (len(run), len(run) - 1 if run.endswith(":") else len(run)):
            if not glued and run[start:end].strip(":") and _parsed(run[start:end]):
                return run[:start] + MASK + run[end:]
    return run


def _parsed(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
