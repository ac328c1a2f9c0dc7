"""A whole column of times: nearly all senders write theirs in one form, which NumPy reads at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.storage import cleaning
from ingest.collector.records import Instant

_FORM = "0000-00-00T00:00:00.000000"
"""With every digit a 0. A time may also end after fewer digits of the second, or before the point."""
_LENGTHS = frozenset({19, *range(21, len(_FORM) + 1)})
_ZONES = ("Z", "+00:00")
_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)


def microseconds(instants: Sequence[str | float | None], absent: int) -> NDArray[np.int64]:
    """Microseconds since the Unix epoch of what is ISO 8601 with an offset from UTC, or seconds since then.

    `absent` stands for None. Raises ValueError when one is something else, or out of range.
    """
    times = _of_one_form(instants)
    if times is None:
        times = _of_any_form([absent / 1e6 if instant is None else instant for instant in instants])
    if not (times.min() >= cleaning.EARLIEST and times.max() < cleaning.LATEST):
        raise ValueError("timestamp is out of range")
    return times.astype(np.int64)


def _of_one_form(instants: Sequence[Any]) -> NDArray[Any] | None:
    """None unless all are texts of one length and form, in UTC."""
    try:
        text = "".join(instants)
    except TypeError:
        return None
    first = str(instants[0])
    zone = next((zone for zone in _ZONES if first.endswith(zone)), None)
    if zone is None or text.count(zone) != len(instants) or not text.isascii():
        return None
    length = len(first) - len(zone)
    data = text.encode()
    if length not in _LENGTHS or data.translate(_TO_ZERO) != (_FORM[:length] + zone).encode() * len(instants):
        return None
    times = np.frombuffer(data, dtype=f"S{len(first)}").astype(f"S{length}")  # NumPy reads no zones
    return times.astype("datetime64[us]").astype(np.int64)


def _of_any_form(instants: Sequence[str | float]) -> NDArray[Any]:
    read: list[Any] = msgspec.convert(instants, list[Instant])
    seconds = [each.timestamp() if isinstance(each, datetime) else each for each in read]
    return np.array(seconds, dtype=np.float64) * 1e6 + 0.5
