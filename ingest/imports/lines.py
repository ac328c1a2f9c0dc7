"""What readers of lines have in common: what a line gives, and why a line gives nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from core.metadata import without_addresses
from core.records import Connection, Delivery, Event

SAMPLE_LENGTH = 300


class Row(NamedTuple):
    """A record and the relay it belongs to; None: the relay that the import is told."""

    record: Event | Connection | Delivery
    relay: str | None = None


class BadLine(Exception):
    """The line cannot be read; the message says why, in words that repeat."""


class PassedOver(Exception):
    """The line is well-formed and gives no record; the message says why."""


class Reader(Protocol):
    """Reads one file, line by line. What it remembers of earlier lines is bounded."""

    name: str
    is_log: bool
    """A log may grow, and its last line be incomplete."""

    def read(self, line: bytes) -> Sequence[Row]:
        """The records that are complete with this line (without its line end); empty: it only explains others.

        Raises BadLine and PassedOver.
        """

    def flush(self) -> Sequence[Row]:
        """What waits for lines that do not come: at the end of the file, or of what it held at an earlier import."""

    def sample(self, line: bytes) -> str:
        """The line as it may be shown and kept: cut, without addresses and content."""


def shown(line: bytes) -> str:
    """A line as text, cut, its addresses masked."""
    return without_addresses(line[: 2 * SAMPLE_LENGTH].decode("utf-8", "replace"))[:SAMPLE_LENGTH].replace("\0", "␀")
