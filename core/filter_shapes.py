"""The shape of a REQ's or COUNT's filters as text: which keys they have and how long their lists are, never a value.

`kinds×1 authors×≤50 #e×≤5 since limit≤100`: one kind, up to 50 authors, up to 5 values of the tag `e`. Filters are
joined by ` | `; `(×≤5)` stands after one that comes up to so many times. Keys are those of NIP-01 and NIP-50, any
others are `other`; so the words that can occur are a closed list, and `PATTERN` is held where rows are stored, whoever
sent them.
"""

from __future__ import annotations

import re
import string

LISTS = ("ids", "kinds", "authors", *(f"#{letter}" for letter in sorted(string.ascii_letters)))
"""Keys that hold a list, in the order in which a shape names them; the others follow."""
WORDS = ("search", "since", "until", "other")
"""Of these it is told that they are there."""
LIMIT = "limit"
KEYS = (*LISTS, *WORDS[:3], LIMIT, WORDS[3])

BUCKETS = (0, 1, 5, 10, 50, 100, 500, 1000, 5000)
"""Lengths and limits are told as the smallest of these that is not below them."""
EVERYTHING = "all"
"""A filter without keys, which asks for every event."""
NO_FILTER = "none"
NO_OBJECT = "invalid"
"""In place of a filter that is no object."""
REST = "(rest)"
NOT_TOLD = "(not told)"
"""In sums by shape: the shapes that were too many to keep apart, and messages that came without one."""
LONGEST = 160
"""Characters. A longer shape is cut, and ends in a hash of the whole."""
CUT = "… "
HASH_BYTES = 4

_SIZE = "(?:0|1|≤(?:" + "|".join(str(bucket) for bucket in BUCKETS[2:]) + rf")|>{BUCKETS[-1]}|\?)"
_TOKEN = f"(?:(?:ids|kinds|authors|#[A-Za-z])×{_SIZE}|limit(?:=|(?=[≤>?])){_SIZE}|{'|'.join(WORDS)})"
_FILTER = rf"(?:{_TOKEN}(?: {_TOKEN})*|{EVERYTHING}|{NO_OBJECT})(?: \(×{_SIZE}\))?"
_WHOLE = rf"{_FILTER}(?: \| {_FILTER})*"
_OLD = "[0-9a-f]{12}"
"""What earlier versions told of a shape: a hash alone."""
PATTERN = re.compile(rf"{NO_FILTER}|{_WHOLE}|(?:{_WHOLE}(?: \|)? )?{CUT}[0-9a-f]{{{2 * HASH_BYTES}}}|{_OLD}")

BEYOND = -1
"""Instead of a bucket: more than all of them."""
UNKNOWN = -2
"""Instead of a bucket: no list, or no whole number."""


def size(bucket: int) -> str:
    """A bucket, BEYOND or UNKNOWN in words."""
    if bucket == UNKNOWN:
        return "?"
    if bucket == BEYOND:
        return f">{BUCKETS[-1]}"
    return str(bucket) if bucket <= 1 else f"≤{bucket}"
