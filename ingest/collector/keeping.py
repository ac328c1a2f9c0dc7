"""Keeps batches in a spool, in a thread of its own, and says when they are durable.

Batches that arrive while others are written, or have arrived by then, go together into the next transaction: one fsync
for all of them.
What is not yet durable is bounded; beyond the bound senders are told to come again.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from core.exceptions import CollectorBusyError, SpoolFullError, SpoolReplacedError
from core.records import Batch
from ingest.collector.received import SCHEMA, Key, Received
from ingest.damage import is_corrupt, set_aside
from ingest.spool import Spool

log = structlog.get_logger()

MOST_PENDING_BYTES = 32 * 1024**2
"""Of messages whose batches are not durable yet."""
FULL_SECONDS = 0.5
"""How long batches are sent away unread once the spool was full: as long as senders are asked to wait."""
GROUP = 8
"""Batches of a transaction that are waited for, no longer than it takes to read what has arrived."""
IDLE_TURNS = 4
"""Turns of the loop without another batch after which none has arrived: reading a message takes three."""
HOUR = 3600


@dataclass(slots=True)
class Put:
    """A batch as it was handed over, in parts for each relay."""

    key: Key
    parts: Sequence[Batch]
    done: asyncio.Future[bool]


class CollectorSpool(Spool):
    """A spool that also remembers which batches it was given."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(path, max_bytes)
        try:
            self._db.executescript(SCHEMA)
        except BaseException:
            self.close()
            raise
        self.received = Received(self._db)


class Keeper:
    """For use from one event loop. `remember_days`: how long a batch's id is known after it was last added to."""

    def __init__(self, path: Path, max_bytes: int, remember_days: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._remember_hours = remember_days * 24
        self._begin_run()
        self._spool: CollectorSpool | None = None
        self._tidied = 0
        self._waiting: list[Put] = []
        self._working: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "spool")
        self._failing = False
        self._full_until = 0.0  # on the monotonic clock
        self.pending_bytes = 0

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Room for a message of so many bytes until its batch is durable.

        Raises CollectorBusyError; SpoolFullError when a batch found the spool full a moment ago, so that those sent
        away meanwhile cost nothing.
        """
        if time.monotonic() < self._full_until:
            raise SpoolFullError
        if self.pending_bytes and self.pending_bytes + size > MOST_PENDING_BYTES:
            raise CollectorBusyError
        self.pending_bytes += size
        try:
            yield
        finally:
            self.pending_bytes -= size

    async def put(self, key: Key, parts: Sequence[Batch]) -> bool:
        """Returns when the batch is durable: True, or False when it had been put before.

        Raises SpoolFullError at the bound, CollectorBusyError when the spool cannot be written now.
        """
        put = Put(key, parts, asyncio.get_running_loop().create_future())
        self._waiting.append(put)
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())
        return await put.done

    async def stop(self) -> None:
        """Keeps what waits, then closes the spool."""
        if self._working is not None:
            await self._working
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                await self._gather()
                group, self._waiting = self._waiting, []
                try:
                    results = await loop.run_in_executor(self._thread, self._commit, group)
                except (sqlite3.Error, OSError) as error:
                    self._warn(error)
                    results = [CollectorBusyError() for _ in group]
                except Exception as error:
                    log.error("Batches could not be kept", exc_info=error)
                    results = [CollectorBusyError() for _ in group]
                else:
                    self._failing = False
                if any(isinstance(result, SpoolFullError) for result in results):
                    self._full_until = time.monotonic() + FULL_SECONDS
                for put, result in zip(group, results, strict=True):
                    if put.done.done():  # who waited is gone
                        continue
                    if isinstance(result, bool):
                        put.done.set_result(result)
                    else:
                        put.done.set_exception(result)
        finally:
            self._working = None

    async def _gather(self) -> None:
        """Lets the loop turn until it has read what has arrived. Where nothing has, that takes microseconds; a sender
        with several batches under way pays for one transaction in place of each."""
        idle = 0
        while idle < IDLE_TURNS and (before := len(self._waiting)) < GROUP:
            await asyncio.sleep(0)
            idle = 0 if len(self._waiting) > before else idle + 1

    def _begin_run(self) -> None:
        """A name of its own for what is numbered from 1 on."""
        self._source = f"collector:{secrets.token_hex(6)}"
        self._sequence = 0

    def _commit(self, group: Sequence[Put]) -> list[bool | Exception]:
        """One transaction for all; whether each is new, or why it was not kept. Raises sqlite3.Error, OSError."""
        try:
            return self._keep_all(group)
        except SpoolReplacedError:
            self._close()
        except sqlite3.Error as error:
            inode = None if self._spool is None else self._spool.inode
            self._close()
            if not is_corrupt(error):
                raise
            aside = set_aside(self._path, inode)
            log.error(
                "The collector's spool is damaged and starts anew, without the ids of earlier batches",
                kept_as=str(aside),
                error=str(error),
            )
        return self._keep_all(group)

    def _keep_all(self, group: Sequence[Put]) -> list[bool | Exception]:
        now = time.time()
        if self._spool is None:
            self._spool = CollectorSpool(self._path, self._max_bytes)
        hour = int(now // HOUR)
        try:
            with self._spool.transaction():
                results = [self._keep(self._spool, put, now) for put in group]
        except BaseException:
            # It may be kept all the same, with numbers that must not be given twice: go on under another name.
            self._begin_run()
            raise
        if hour != self._tidied:
            self._tidy(self._spool, hour)
        return results

    def _keep(self, spool: CollectorSpool, put: Put, now: float) -> bool | Exception:
        gap = spool.received.gap(put.key)
        if gap is None:
            return False
        for sequence, part in enumerate(put.parts, self._sequence + 1):
            part.source, part.sequence, part.made_at = self._source, sequence, int(now * 1e6)
        try:
            spool.append_all(put.parts)
        except SpoolFullError as error:
            return error
        spool.received.fill(put.key, gap, int(now // HOUR))
        self._sequence += len(put.parts)
        return True

    def _tidy(self, spool: CollectorSpool, hour: int) -> None:
        self._tidied = hour
        early = spool.received.forget_before(hour - self._remember_hours)
        if early:
            log.warning("Too many ids of batches: the oldest were forgotten early", forgotten=early)
        spool.shrink()

    def _close(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _warn(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.error("The spool takes no batches; senders are told to come again", error=str(error))
