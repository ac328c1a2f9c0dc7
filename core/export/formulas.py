"""Text that a spreadsheet would run as a formula, made plain text."""

from __future__ import annotations

from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet runs a cell that begins with one of these. Names of clients, relays and apps come from strangers."""
APOSTROPHE = "'"
"""Put in front of such text, and of text that begins with it: `unescaped` is then exact."""


def harmless(value: Any) -> Any:
    """Text that begins like a formula, or with an apostrophe, with an apostrophe in front; all else as it is."""
    escaped = isinstance(value, str) and value.startswith((*FORMULA_STARTS, APOSTROPHE))
    return APOSTROPHE + value if escaped else value


def unescaped(text: str) -> str:
    """Text as it was before `harmless`."""
    return text.removeprefix(APOSTROPHE)
