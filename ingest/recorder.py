"""Collects records in bounded memory and hands them to the spool, in a thread: the event loop never waits.

What does not fit is dropped and counted, never kept at the cost of traffic.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from core.exceptions import SpoolFullError
from core.records import Batch, Connection, Delivery, Event, Sample
from ingest.spool import Spool, is_corrupt, set_aside

log = structlog.get_logger()

MAX_RECORDS = 200_000
"""Records held in memory; the rest is dropped."""
BATCH_RECORDS = 5_000
"""A batch is handed over at once when it has this many records."""
RETRY_SECONDS = 1.0
"""Pause before a spool that failed is tried again."""


class SpoolKeeper:
    """The recorder's side of the spool, used from its one thread. Opens it late and again when it was damaged."""

    def __init__(self, path: Path, max_bytes: int, relay: str, worker: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._relay = relay
        self._worker = worker
        self._spool: Spool | None = None

    def append(self, batch: Batch) -> None:
        """Raises SpoolFullError, sqlite3.Error or OSError when the batch is not kept."""
        try:
            self._append(batch)
        except sqlite3.Error as error:
            self.close()
            if not is_corrupt(error):
                raise
            log.error("The spool is damaged and starts anew", kept_as=str(set_aside(self._path)), error=str(error))
            self._append(batch)

    def _append(self, batch: Batch) -> None:
        if self._spool is None:
            self._spool = Spool(self._path, self._max_bytes)
        batch.source = f"tap:{self._relay}:{self._worker}:{self._spool.id}"
        self._spool.append(batch)

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None


class Recorder:
    """Where records go. `dropped` counts those that were lost because a bound was reached."""

    def __init__(
        self,
        keep: SpoolKeeper,
        relay: str,
        flush_interval: float,
        *,
        max_records: int = MAX_RECORDS,
        batch_records: int = BATCH_RECORDS,
    ) -> None:
        self._keep = keep
        self._relay = relay
        self._interval = flush_interval
        self._max_records = max_records
        self._batch_records = batch_records
        self._batch = self._empty()
        self._held = 0  # records in memory, those being written included
        self._collected = 0  # records in the current batch
        self._thread = ThreadPoolExecutor(1, "spool")
        self._writing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failing = False
        self.dropped = 0

    def event(self, record: Event) -> None:
        if self._admit():
            self._batch.events.append(record)

    def delivery(self, record: Delivery) -> None:
        if self._admit():
            self._batch.deliveries.append(record)

    def connection(self, record: Connection) -> None:
        if self._admit():
            self._batch.connections.append(record)

    def sample(self, record: Sample) -> None:
        if self._admit():
            self._batch.samples.append(record)

    def _admit(self) -> bool:
        if self._held >= self._max_records:
            self.dropped += 1
            return False
        self._held += 1
        self._collected += 1
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
        if self._collected and self._writing is None:
            self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        batch, self._batch = self._batch, self._empty()
        count, self._collected = self._collected, 0
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._keep.append, batch)
        except SpoolFullError as error:
            self._lost(count, error)
        except (sqlite3.Error, OSError) as error:
            self._take_back(batch, count, error)
        except Exception as error:  # noqa: BLE001 - the edge of this task: a batch that cannot be encoded must not stop the next one
            self._lost(count, error)
        else:
            self._held -= count
            if self._failing:
                self._failing = False
                log.info("The spool takes batches again", dropped=self.dropped)
        finally:
            self._writing = None

    def _lost(self, count: int, error: Exception) -> None:
        self._held -= count
        self.dropped += count
        self._warn(error)

    def _take_back(self, batch: Batch, count: int, error: Exception) -> None:
        """Keeps what could not be written for the next attempt; memory stays bounded by `max_records`."""
        for old, new in (
            (batch.events, self._batch.events),
            (batch.deliveries, self._batch.deliveries),
            (batch.connections, self._batch.connections),
            (batch.samples, self._batch.samples),
        ):
            new[:0] = old  # type: ignore[assignment]
        self._collected += count
        self._warn(error)

    def _warn(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.error("The spool does not take batches; traffic flows on", error=str(error), dropped=self.dropped)

    async def stop(self) -> None:
        """Hands the last batch over and closes the spool."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await self._writing
        if self._collected:
            await self._write()
            if self._collected:
                self.dropped += self._collected
        await asyncio.get_running_loop().run_in_executor(self._thread, self._keep.close)
        self._thread.shutdown()

    def _empty(self) -> Batch:
        return Batch("", 0, self._relay, [], [], [], [])
