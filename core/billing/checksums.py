"""Checksums of what is frozen: SHA-256 over a canonical text of each line, and over each entry with all its lines.

A line's text is its period, number, client_id (as JSON) and numbers, separated by tabs. An entry's text is its facts as
JSON with sorted keys, times in UTC, then the checksums of its lines in the order of client numbers. Its facts include
the checksum of the entry before it: of the period closed before, or of the closing or adjustment it corrects.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime


def line_checksum(period_id: int, number: int, client_id: str, numbers: Sequence[int]) -> bytes:
    """Of one line; `numbers` in the order of `FIELDS`."""
    text = "\t".join([str(period_id), str(number), json.dumps(client_id), *map(str, numbers)])
    return hashlib.sha256(text.encode()).digest()


def erased_checksum(period_id: int, number: int, client_id: str, numbers: Sequence[int], original: bytes) -> bytes:
    """Of a line whose client was forgotten: of the line as it is now, and its checksum from before, by which the entry
    still knows it."""
    return hashlib.sha256(line_checksum(period_id, number, client_id, numbers) + original).digest()


def period_checksum(
    period_id: int,
    start: datetime,
    end: datetime,
    time_zone: str,
    tariff: str | None,
    closed_at: datetime,
    previous: bytes | None,
    lines: Iterable[bytes],
) -> bytes:
    """Of a closing. `previous`: the checksum of the period closed before, None for the first."""
    facts = {"period": period_id, "start": _utc(start), "end": _utc(end), "time_zone": time_zone, "tariff": tariff}
    return _entry(facts | {"at": _utc(closed_at)}, previous, lines)


def adjustment_checksum(
    period_id: int,
    number: int,
    made_at: datetime,
    reason: str,
    previous: bytes,
    lines: Iterable[bytes],
    *,
    credit: bool,
) -> bytes:
    """Of an adjustment. `previous`: the checksum of the adjustment before it, for the first that of the closing."""
    facts = {"period": period_id, "number": number, "at": _utc(made_at), "credit": credit, "reason": reason}
    return _entry(facts, previous, lines)


def _entry(facts: dict[str, object], previous: bytes | None, lines: Iterable[bytes]) -> bytes:
    facts["previous"] = None if previous is None else previous.hex()
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode())
    for line in lines:
        digest.update(line)
    return digest.digest()


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
