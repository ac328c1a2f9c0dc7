"""What a producer has received and dropped since it started, by kind of record: exact, and carried by every batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from core.records import Counts

MEMORY = "memory"
"""The bound of records in memory was reached, because the spool took none (disk full) or too few."""
SPOOL_FULL = "spool"
"""The spool has SPOOL_MAX_BYTES."""
FAILED = "failed"
"""The batch could not be encoded: a fault of ours."""


class Tally:
    """Counts of one run of a producer. `started_at`: microseconds since the Unix epoch."""

    def __init__(self, worker: int, started_at: int) -> None:
        self._worker = worker
        self._started_at = started_at
        self._received: Counter[str] = Counter()
        self._dropped: dict[str, Counter[str]] = {}

    @property
    def dropped(self) -> int:
        """Records dropped, whatever the reason."""
        return sum(records.total() for records in self._dropped.values())

    def take(self, records: Mapping[str, int]) -> None:
        """Records that a batch holds."""
        self._received.update(records)

    def drop(self, reason: str, records: Mapping[str, int], *, taken: bool = False) -> None:
        """Records that are lost; `taken`: they have been counted as received before."""
        self._dropped.setdefault(reason, Counter()).update(records)
        if not taken:
            self._received.update(records)

    def counts(self, *, ended: bool = False) -> Counts:
        """The counts as they are now."""
        dropped = {reason: dict(records) for reason, records in self._dropped.items()}
        return Counts(self._worker, self._started_at, dict(self._received), dropped, ended)
