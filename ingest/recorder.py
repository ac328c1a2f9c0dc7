"""Collects records in bounded memory and hands them to the spool, in a thread: the event loop never waits.

What does not fit is dropped and counted, never kept at the cost of traffic.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import structlog

from core.exceptions import SpoolFullError, SpoolReplacedError
from core.records import EVENT_TYPES, OUTCOMES, Batch, Connection, Delivery, Event, Sample
from ingest.damage import is_corrupt, is_passing, set_aside
from ingest.spool import Spool
from ingest.tally import FAILED, MEMORY, SPOOL_FULL, Tally

log = structlog.get_logger()

MAX_RECORDS = 200_000
"""Records held in memory; the rest is dropped."""
BATCH_RECORDS = 5_000
"""A batch is handed over at once when it has this many records."""
RETRY_SECONDS = 1.0
"""Pause before a spool that failed is tried again."""


class SpoolKeeper:
    """The recorder's side of the spool, used from its one thread. Opens it late and again when it was damaged."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._spool: Spool | None = None

    def append(self, batch: Batch) -> None:
        """Raises SpoolFullError, sqlite3.Error or OSError when the batch is not kept."""
        try:
            self._append(batch)
        except SpoolReplacedError:
            self.close()
            self._append(batch)
        except sqlite3.Error as error:
            if is_passing(error):
                raise
            inode = None if self._spool is None else self._spool.inode
            self.close()
            if not is_corrupt(error):
                raise
            aside = set_aside(self._path, inode)
            log.error("The spool is damaged and starts anew", kept_as=str(aside), error=str(error))
            self._append(batch)

    def _append(self, batch: Batch) -> None:
        if self._spool is None:
            self._spool = Spool(self._path, self._max_bytes)
        self._spool.append(batch)

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None


class Recorder:
    """Where records go: received = handed to the spool + dropped + in memory."""

    def __init__(
        self,
        keep: SpoolKeeper,
        relay: str,
        flush_interval: float,
        *,
        worker: int = 0,
        max_records: int = MAX_RECORDS,
        batch_records: int = BATCH_RECORDS,
    ) -> None:
        self._keep = keep
        self._relay = relay
        self._interval = flush_interval
        self._max_records = max_records
        self._batch_records = batch_records
        self._tally = Tally(worker, _now())
        # A name per run: a spool that went back to an older state, or an appending that failed after it had succeeded,
        # never makes two batches look like one, nor one like two.
        self._source = f"tap:{relay}:{worker}:{secrets.token_hex(6)}"
        self._sequence = 0
        self.answered = dict.fromkeys(product(EVENT_TYPES, OUTCOMES), 0)
        """Client messages by verb and outcome, since the start, dropped ones too."""
        self._events: list[Event] = []  # of the batch
        self._batch = self._empty()
        self._unwritten: Batch | None = None  # was handed over and not kept yet: it is tried again as it is
        self._held = 0  # records in memory, those being written included
        self._collected = 0  # records in the current batch
        self._thread = ThreadPoolExecutor(1, "spool")
        self._writing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failing = False
        self._begun = self._unwritten_begun = 0.0  # when the batch got its first record

    @property
    def dropped(self) -> int:
        """Records that were lost because a bound was reached."""
        return self._tally.dropped

    @property
    def held(self) -> int:
        """Records in memory."""
        return self._held

    def lag(self, now: float) -> float:
        """Seconds that the oldest record in memory has waited, at the monotonic instant `now`."""
        if self._unwritten is not None:
            return now - self._unwritten_begun
        return now - self._begun if self._collected else 0.0

    def event(self, record: Event) -> None:
        self.answered[record.event_type, record.outcome] += 1
        if self._held < self._max_records and 0 < self._collected < self._batch_records:  # as nearly always
            self._held += 1
            self._collected += 1
            self._events.append(record)
        elif self._admit("event"):
            self._events.append(record)

    def delivery(self, record: Delivery) -> None:
        if self._admit("delivery"):
            self._batch.deliveries.append(record)

    def connection(self, record: Connection) -> None:
        if self._admit("connection"):
            self._batch.connections.append(record)

    def sample(self, record: Sample) -> None:
        if self._admit("sample"):
            self._batch.samples.append(record)

    def _admit(self, record: str) -> bool:
        if self._held >= self._max_records:
            self._tally.drop(MEMORY, {record: 1})
            return False
        self._held += 1
        self._collected += 1
        if self._collected == 1:
            self._begun = time.monotonic()
        if self._collected >= self._batch_records and not self._failing:
            self._hand_over()
        return True

    @property
    def failing(self) -> bool:
        """Whether the spool refused the last batch."""
        return self._failing

    def start(self) -> None:
        """Begins to hand batches over, every flush interval."""
        self._tick()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(RETRY_SECONDS if self._failing else self._interval, self._tick)
        self._hand_over()

    def _hand_over(self) -> None:
        if (self._collected or self._unwritten) and self._writing is None:
            self._writing = asyncio.ensure_future(self._write())

    async def _write(self, *, last: bool = False) -> None:
        batch = self._unwritten = self._unwritten or self._sealed(ended=last)
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._keep.append, batch)
        except SpoolFullError as error:
            self._lost(batch, SPOOL_FULL, error)
        except (sqlite3.Error, OSError) as error:
            self._warn(error)
        except Exception as error:  # noqa: BLE001 - the edge of this task: a batch that cannot be encoded must not stop the next one
            self._lost(batch, FAILED, error)
        else:
            self._unwritten = None
            self._held -= sum(batch.sizes.values())
            log.debug("A batch is in the spool", batch=batch.id, records=batch.sizes)
            if self._failing:
                self._failing = False
                log.info("The spool takes batches again", dropped=self.dropped)
        finally:
            self._writing = None

    def _sealed(self, *, ended: bool = False) -> Batch:
        """The current batch, with its number and the counts up to it; a new one is begun."""
        batch, self._batch = self._batch, self._empty()
        self._unwritten_begun = self._begun if self._collected else time.monotonic()
        self._collected = 0
        self._sequence += 1
        batch.sequence, batch.made_at = self._sequence, _now()
        self._tally.take(batch.sizes)
        batch.counts = self._tally.counts(ended=ended)
        return batch

    def _lost(self, batch: Batch, reason: str, error: Exception) -> None:
        """The batch was not kept: its number goes to the next, so that no gap says that something is still to come."""
        self._unwritten = None
        self._sequence -= 1
        self._held -= sum(batch.sizes.values())
        self._tally.drop(reason, batch.sizes, taken=True)
        self._warn(error)

    def _warn(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.error("The spool does not take batches; traffic flows on", error=str(error), dropped=self.dropped)

    async def stop(self) -> None:
        """Hands the last batch over, which says that it is the last, and closes the spool."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await self._writing
        if self._unwritten is not None:
            await self._write()
        if self._unwritten is None:
            dropped = self.dropped
            await self._write(last=True)
            if self.dropped > dropped:  # its records did not fit: what was dropped is told all the same
                await self._write(last=True)
        if self._held:
            log.error("Records could not be kept and are lost", records=self._held)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._keep.close)
        self._thread.shutdown()

    def _empty(self) -> Batch:
        self._events = []
        return Batch(self._source, 0, self._relay, self._events, [], [], [])


def _now() -> int:
    """Microseconds since the Unix epoch."""
    return int(time.time() * 1_000_000)
