"""What both ways in share: a batch of a known source is read, let in, kept, and answered."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.exceptions import BadBatchError, CollectorBusyError, SpoolFullError
from core.records import Batch
from core.settings import Settings
from core.spools import SUFFIX, spool_directory
from core.storage.database import open_database
from ingest.collector.keeping import Keeper
from ingest.collector.quick import Reader
from ingest.collector.reading import Body, Taken, take
from ingest.collector.received import key_of
from ingest.collector.records import Door
from ingest.collector.sources import Sources
from ingest.identity import Identifier, KeyRing

MOST_RECORDS = 20_000
"""Records in a batch."""
_ID = re.compile(r"[A-Za-z0-9._:/-]{1,100}")


@dataclass(slots=True)
class Counters:
    """Since the start of the process."""

    batches: int = 0  # acknowledged, repeated ones included
    repeated: int = 0
    records: int = 0
    refused: int = 0  # records, into quarantine
    busy: int = 0  # batches sent away: the spool is full or cannot be written
    unreadable: int = 0  # requests and messages that were no batch, or too large
    unauthorised: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch. `reasons`: the first records at fault, counted from 1."""

    batch: str
    taken: int
    refused: int
    repeated: bool
    reasons: Sequence[tuple[int, str]] = field(default_factory=tuple)

    def members(self) -> dict[str, object]:
        return {
            "taken": self.taken,
            "refused": self.refused,
            "repeated": self.repeated,
            "reasons": [{"record": place, "reason": reason} for place, reason in self.reasons],
        }


class Collector:
    """One per process. Start it before it is handed anything."""

    def __init__(self, settings: Settings) -> None:
        directory = spool_directory(settings)
        self.most_bytes = settings.collector_max_message_bytes
        self.counters = Counters()
        self.keeper = Keeper(directory / f"collector{SUFFIX}", settings.spool_max_bytes, settings.collector_batch_days)
        self.sources = Sources(
            directory / "collector-sources.json", lambda: open_database(settings), settings.collector_token_days
        )
        keys = KeyRing(settings.data_dir / "keys", settings.address_key_days)
        self._identifier = Identifier(keys, (), "address", "")
        self._readers: dict[str, Reader] = defaultdict(Reader)

    async def start(self) -> None:
        await self.sources.start()

    async def stop(self) -> None:
        await self.sources.stop()
        await self.keeper.stop()

    async def take(self, source: str, batch: str, size: int, body: Body) -> Answer:
        """Keeps a batch of `size` bytes; returns when it is durable.

        Raises BadBatchError, TooLargeError; CollectorBusyError and SpoolFullError when it should be sent again.
        """
        if not _ID.fullmatch(batch):
            raise BadBatchError("The id of a batch has 1 to 100 of the characters A-Z a-z 0-9 . _ : / -")
        try:
            with self.keeper.room(size):
                now = time.time()
                taken = self._read(source, body, now)
                new = await self.keeper.put(key_of(source, batch), _parts(taken, source))
        except (CollectorBusyError, SpoolFullError):
            self.counters.busy += 1
            raise
        self._count(taken, new=new)
        return Answer(batch, taken.taken, taken.refused, not new, taken.reasons)

    def _read(self, source: str, body: Body, now: float) -> Taken:
        def door() -> Door:
            return Door(int(now * 1e6), lambda address: self._identifier.name_address(address, now))

        return take(body, door, source, MOST_RECORDS, self._readers[source])

    def _count(self, taken: Taken, *, new: bool) -> None:
        self.counters.batches += 1
        if new:
            self.counters.records += taken.taken
            self.counters.refused += taken.refused
        else:
            self.counters.repeated += 1


def _parts(taken: Taken, source: str) -> list[Batch]:
    """A batch per relay; what was refused goes with the first."""
    parts = [Batch("", 0, relay, events, [], [], []) for relay, events in taken.events.items()]
    refusals = list(taken.refusals.values())
    if refusals and not parts:
        parts = [Batch("", 0, source, [], [], [], [])]
    if refusals:
        parts[0].refusals = refusals
    return parts
