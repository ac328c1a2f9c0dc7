"""How numbers look: the Python side (cards, tables, mail) and the Vega expressions (axes) of the same rules.

Counts use SI steps (1.2k, 3.4M), bytes decimal units (1 kB = 1000 B), durations ms below a second. Missing is "–".
"""

from __future__ import annotations

import math
from datetime import datetime

MISSING = "–"
UNCHANGED = "±0%"

_COUNTS = (("B", 1e9), ("M", 1e6), ("k", 1e3))
_BITS = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
_BYTES = (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def missing(value: float | None) -> bool:
    """Whether there is no number."""
    return value is None or math.isnan(value)


def count(value: float | None) -> str:
    """A whole number of things: exact with separators below 100,000, then 123.4k, 1.2M."""
    if value is None or missing(value):
        return MISSING
    if abs(value) < 100_000:
        return f"{value:,.0f}"
    for unit, size in _COUNTS:
        if abs(value) >= size:
            return f"{value / size:.1f}{unit}"
    raise AssertionError("unreachable: 100,000 is above the smallest unit")


def rate(value: float | None) -> str:
    """Things per second: as many decimals as a small number needs to be told from zero."""
    if value is None or missing(value):
        return MISSING
    if value == 0:
        return "0"
    if abs(value) < 10:
        return f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}"
    return count(value)


def size(value: float | None) -> str:
    """Bytes with a decimal unit: 999 B, 1.2 kB, 3.4 MB."""
    if value is None or missing(value):
        return MISSING
    for unit, scale in _BYTES:
        if abs(value) >= scale:
            return f"{value / scale:.1f} {unit}"
    return f"{value:.0f} B"


def milliseconds(value: float | None) -> str:
    """A duration given in ms: 0.42 ms, 8.1 ms, 312 ms, 1.24 s."""
    if value is None or missing(value):
        return MISSING
    if abs(value) >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if abs(value) >= 100 else f"{value:.1f} ms" if abs(value) >= 1 else f"{value:.2f} ms"


def bit_rate(value: float | None) -> str:
    """Bits per second with a decimal unit: 950 bit/s, 1.2 Mbit/s."""
    if value is None or missing(value):
        return MISSING
    for unit, scale in _BITS:
        if abs(value) >= scale:
            return f"{value / scale:.1f} {unit}bit/s"
    return f"{value:.0f} bit/s"


def ratio(value: float | None) -> str:
    """One thing per another: 0.34."""
    return MISSING if value is None or missing(value) else f"{value:.2f}"


def duration(seconds: float | None) -> str:
    """A length of time: 0.4 s, 45 s, 12 min, 3.5 h, 2.1 d."""
    if seconds is None or missing(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    for unit, size_ in (("d", 86_400), ("h", 3_600)):
        if seconds >= size_:
            return f"{seconds / size_:.1f} {unit}"
    return f"{seconds / 60:.0f} min"


def percent(value: float | None) -> str:
    """A percentage given as 0..100."""
    if value is None or missing(value):
        return MISSING
    return f"{value:.1f}%" if 0 < abs(value) < 10 else f"{value:.0f}%"


def share(value: float | None) -> str:
    """A part of one as a percentage; what is there but small is "<1%"."""
    if value is None or missing(value):
        return MISSING
    return "<1%" if 0 < value < 0.01 else f"{value:.0%}"


def change(new: float | None, old: float | None) -> str | None:
    """The signed change from `old` to `new` in per cent; None when there is nothing to compare with."""
    if new is None or old is None or missing(new) or missing(old) or old == 0:
        return None
    return relative((new - old) / old)


def relative(change: float | None) -> str | None:
    """A relative change (0.1: a tenth more) in per cent; None when there is none."""
    if change is None or missing(change):
        return None
    if abs(change) < 0.005:
        return UNCHANGED
    return f"{change:+.0%}" if abs(change) < 10 else f"×{change + 1:.0f}"


def zone_label(instant: datetime) -> str:
    """The short name of the zone of an aware datetime: UTC, CET, +05:30."""
    name = instant.tzname() or ""
    return f"UTC{name}" if name[:1] in "+-" else name


COUNT_AXIS = "abs(datum.value) < 1 ? format(datum.value, '.2~f') : replace(format(datum.value, '~s'), 'G', 'B')"
"""Vega expression for the labels of a count axis."""
COUNT_LABEL = "abs({0}) < 100000 ? format({0}, ',') : replace(format({0}, '.4~s'), 'G', 'B')"
"""Vega expression for a number of things, told as `count` does; the place is the number's."""
BYTES_AXIS = (
    "datum.value == 0 ? '0' : replace(replace(format(abs(datum.value), '.3~s'), 'k', ' k'), /([MGTP])/, ' $1')"
    " + (abs(datum.value) < 1000 ? ' B' : 'B')"
)
"""Vega expression for the labels of an axis of bytes; the sign is left out (bytes in are drawn downwards)."""
MS_AXIS = "abs(datum.value) >= 1000 ? format(datum.value / 1000, '~r') + ' s' : format(datum.value, '~r') + ' ms'"
"""Vega expression for the labels of an axis of milliseconds."""
PERCENT_AXIS = "datum.value + '%'"
