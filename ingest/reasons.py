"""From the text of a refusal to one of `core.records.ERROR_CODES`.

Relays begin the text with a machine-readable word (NIP-01, NIP-42, …) and each has its own accent: strfry puts
`ERROR: ` before it, nostr-sdk repeats it (`blocked: blocked: …`), some write a space where others write a hyphen.
"""

from __future__ import annotations

import re

from core.metadata import FACTS, without_addresses
from core.records import ERROR_CODES

DUPLICATE = "duplicate"
SAMPLE_LENGTH = FACTS["reason"].longest

_CODES = {code: code for code in ERROR_CODES if code not in {"unanswered", "other"}} | {
    DUPLICATE: DUPLICATE,
    "bad req": "bad-req",
    "count failed": "count-failed",
    "rate limited": "rate-limited",
    "auth required": "auth-required",
}
_PREFIX = re.compile(r"\s*([a-z][a-z _-]{0,30}?)\s*(?::|$)")


def error_code(reason: str) -> str:
    """The code of a refusal's text: one of ERROR_CODES, or `duplicate`; `other` for what is unknown."""
    text = reason[:SAMPLE_LENGTH].strip()
    if text.startswith("ERROR:"):
        text = text.removeprefix("ERROR:").strip()
    match = _PREFIX.match(text.lower())
    if match is None:
        return "other"
    return _CODES.get(match[1].replace("_", "-"), "other")


def sample(reason: str) -> str:
    """The capped text kept for the error list, addresses masked. PostgreSQL stores no NUL, so it is made visible."""
    return without_addresses(reason[: 2 * SAMPLE_LENGTH]).replace("\x00", "␀")[:SAMPLE_LENGTH]
