"""The shape of what a client asks for: enough to rank costly queries and tell libraries apart, never a value."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from core import filter_shapes as told

_decode_list = msgspec.json.Decoder(list[Any]).decode


class Filters(NamedTuple):
    """How many filters a REQ or COUNT carries, and their shape (`core.filter_shapes`)."""

    number: int
    shape: str


Shape = tuple[tuple[int, int], ...]
"""Of one filter: the places of its keys in `told.KEYS`, each with a bucket."""

_BOUNDS = (*told.BUCKETS, told.BEYOND)
_PLACES = {key: place for place, key in enumerate(told.KEYS)}
_OTHER, _LIMIT, _LISTS = _PLACES["other"], _PLACES[told.LIMIT], len(told.LISTS)
_NO_OBJECT: Shape = ((-1, told.UNKNOWN),)
_MOST_REMEMBERED = 20
"""Filters of a message; the shape of more is written anew each time, so that what is remembered stays small."""


def read_filters(payload: bytes) -> Filters | None:
    """The filters of a REQ or COUNT; None when they cannot be read."""
    try:
        filters = _decode_list(payload)[2:]
    except (ValueError, RecursionError):
        return None
    shapes = tuple(sorted([_shape(each) for each in filters]))
    write = _shape_text if len(shapes) <= _MOST_REMEMBERED else _shape_text.__wrapped__
    return Filters(len(shapes), write(shapes))


def _bucket(number: int) -> int:
    """The smallest bound that is not below `number`; `told.BEYOND` beyond all of them."""
    return _BOUNDS[bisect_left(told.BUCKETS, number)]


def _shape(nostr_filter: Any) -> Shape:
    """Keys with list lengths and `limit` in buckets: what a filter costs, not what it asks for. No key that is not one
    of `told.KEYS` gets any further."""
    if not isinstance(nostr_filter, dict):
        return _NO_OBJECT
    parts = []
    for key, value in nostr_filter.items():
        place, bucket = _PLACES.get(key, _OTHER), told.UNKNOWN
        if place < _LISTS:
            if isinstance(value, list):
                bucket = _bucket(len(value))
        elif place == _LIMIT and type(value) is int:
            bucket = _bucket(value)
        parts.append((place, bucket))
    parts.sort()
    return tuple(parts)


@lru_cache(maxsize=4096)
def _shape_text(shapes: tuple[Shape, ...]) -> str:
    counts = Counter(map(_filter_text, shapes))
    text = " | ".join(each if n == 1 else f"{each} (×{told.size(_bucket(n))})" for each, n in sorted(counts.items()))
    text = text or told.NO_FILTER
    if len(text) <= told.LONGEST:
        return text
    end = f"{told.CUT}{hashlib.blake2b(text.encode(), digest_size=told.HASH_BYTES).hexdigest()}"
    return text[: text.rfind(" ", 0, told.LONGEST - len(end)) + 1] + end


def _filter_text(shape: Shape) -> str:
    if shape == _NO_OBJECT:
        return told.NO_OBJECT
    return " ".join(dict.fromkeys(_part_text(*part) for part in shape)) or told.EVERYTHING


def _part_text(place: int, bucket: int) -> str:
    key = told.KEYS[place]
    if place < _LISTS:
        return f"{key}×{told.size(bucket)}"
    if place == _LIMIT:
        return f"{key}{'=' if bucket in (0, 1) else ''}{told.size(bucket)}"
    return key


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PART = re.compile(r"[-_:./ ]")
_CLASS = re.compile(
    r"(?P<number>[0-9]+)|(?P<word>[A-Za-z]{1,12})|(?P<hex>[0-9a-f]{8,}|[0-9A-F]{8,})|(?P<mixed>[A-Za-z0-9+=]+)"
)
_LONGEST_SUB = 128


def sub_pattern(sub: str) -> str:
    """The class of a subscription id, such as `uuid` or `word:number`: enough to tell libraries apart."""
    return _pattern(sub[:_LONGEST_SUB])


@lru_cache(maxsize=1024)
def _pattern(text: str) -> str:
    """Remembered, because most libraries name subscriptions alike on every connection."""
    if _UUID.fullmatch(text):
        return "uuid"
    classes = map(_CLASS.fullmatch, _PART.split(text)[:4])
    return ":".join((each and each.lastgroup) or "any" for each in classes)
