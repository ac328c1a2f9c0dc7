"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `do`: what to do about it, unless it is ok."""

    check: str
    level: Level
    what: str
    do: str | None = None


def ok(check: str, what: str) -> Finding:
    return Finding(check, "ok", what)


def warn(check: str, what: str, do: str) -> Finding:
    """It works, and should be better."""
    return Finding(check, "warn", what, do)


def fail(check: str, what: str, do: str) -> Finding:
    """Something does not work, or is open to others."""
    return Finding(check, "fail", what, do)
