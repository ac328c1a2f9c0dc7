"""The shape of what a client asks for: enough to rank costly queries and tell libraries apart, never a value."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

_decode_list = msgspec.json.Decoder(list[Any]).decode


class Filters(NamedTuple):
    """How many filters a REQ or COUNT carries, and the hash of their shape."""

    number: int
    shape: str


def read_filters(payload: bytes) -> Filters | None:
    """The filters of a REQ or COUNT; None when they cannot be read."""
    try:
        filters = _decode_list(payload)[2:]
    except (ValueError, RecursionError):
        return None
    return Filters(len(filters), _hash_shape(tuple(sorted(_shape(each) for each in filters))))


_BUCKETS = (0, 1, 5, 10, 50, 100, 500, 1000, 5000)


def _bucket(number: int) -> int:
    """The smallest bound that is not below `number`; -1 beyond all of them."""
    place = bisect_left(_BUCKETS, number)
    return _BUCKETS[place] if place < len(_BUCKETS) else -1


def _shape(nostr_filter: Any) -> tuple[tuple[str, int], ...]:
    """Keys with list lengths and `limit` in buckets: what a filter costs, not what it asks for."""
    if not isinstance(nostr_filter, dict):
        return ()
    return tuple(sorted((key, _weight(key, value)) for key, value in nostr_filter.items()))


def _weight(key: str, value: Any) -> int:
    if isinstance(value, list):
        return _bucket(len(value))
    if key == "limit" and isinstance(value, int):
        return _bucket(value)
    return -2


@lru_cache(maxsize=4096)
def _hash_shape(shape: tuple[Any, ...]) -> str:
    return hashlib.blake2b(repr(shape).encode("utf-8", "replace"), digest_size=6).hexdigest()


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PART = re.compile(r"[-_:./ ]")
_CLASSES = (("number", re.compile(r"[0-9]+")), ("word", re.compile(r"[A-Za-z]{1,12}")),
            ("hex", re.compile(r"[0-9a-f]{8,}|[0-9A-F]{8,}")), ("mixed", re.compile(r"[A-Za-z0-9+=]+")))  # fmt: skip


def sub_pattern(sub: str) -> str:
    """The class of a subscription id, such as `uuid` or `word:number`: enough to tell libraries apart."""
    text = sub[:128]
    if _UUID.fullmatch(text):
        return "uuid"
    parts = _PART.split(text)[:4]
    return ":".join(next((name for name, pattern in _CLASSES if pattern.fullmatch(part)), "any") for part in parts)
