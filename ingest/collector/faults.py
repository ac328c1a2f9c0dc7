"""What is wrong with a record that cannot be read: the reason and the value at fault, never an address or content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from core.metadata import without_addresses
from ingest.collector.records import Record

_decode_line = msgspec.json.Decoder(Record).decode
_decode_fields = msgspec.json.Decoder(dict[str, Any]).decode

_AT = re.compile(r"(.*) - at `(?:key in )?\$\.?([^`]*)`", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_HIDDEN = frozenset({"client_id", "client_address", "metadata", "app", "relay"})
"""Fields whose values may name a person or hold content: no sample of them is kept."""


@dataclass(slots=True)
class Bad:
    """A record that cannot be read."""

    reason: str
    sample: str = ""


def read_one(text: bytes) -> Record | Bad:
    """A record as it was written."""
    try:
        return _decode_line(text)
    except msgspec.ValidationError as error:
        return Bad(reason_of(error), _sample(text, error))
    except (ValueError, RecursionError) as error:
        return Bad(reason_of(error))


def reason_of(error: Exception) -> str:
    """What is wrong, without the value itself: reasons are few, and addresses are in none."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not valid UTF-8"
    text = str(error)
    place = _AT.fullmatch(text)
    if place is None:
        unknown = _UNKNOWN_FIELD.fullmatch(text)
        text = f"unknown field {unknown[1][:40]!r}" if unknown else text
        return without_addresses(text[:200]).replace("`", "")
    what, where = place[1], place[2].split("[")[0].split(".")[0]
    if what.startswith("Invalid enum value"):
        what = "unknown value"
    elif what.startswith("Object contains unknown field"):
        what = "unknown field"
    return f"{where[:40]}: {what[:1].lower()}{what[1:200]}".replace("`", "")


def _sample(text: bytes, error: msgspec.ValidationError) -> str:
    """The value at fault as JSON, where it can be shown."""
    place = _AT.fullmatch(str(error))
    name = place[2].split("[")[0].split(".")[0] if place else ""
    if not name or name in _HIDDEN:
        return ""
    try:
        value = msgspec.json.encode(_decode_fields(text).get(name)).decode()
    except (ValueError, RecursionError):
        return ""
    return without_addresses(f"{name}: {value[:100]}")
