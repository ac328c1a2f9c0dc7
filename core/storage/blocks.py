"""A range as blocks of hours, days, 8 and 64 days, for queries over the sums of clients: see spans.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.storage.client_days import NEVER
from core.storage.reading import Read
from core.storage.rollups import CLOSED_MARK
from core.storage.spans import cover


def blocks(read: Read, start: datetime, end: datetime) -> dict[str, Any]:
    """Parameters `hours` (length of a block), `firsts`, `lasts`, `signs`, one per part, and `start`, `end`."""
    built = read.mark(CLOSED_MARK)
    parts = cover(start, end, built.date() if built else NEVER)
    return {
        "start": start,
        "end": end,
        "hours": [part.hours for part in parts],
        "firsts": [part.start for part in parts],
        "lasts": [part.end for part in parts],
        "signs": [part.sign for part in parts],
    }
