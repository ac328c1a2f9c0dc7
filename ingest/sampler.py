"""Once a second: what this tap worker carries, and (first worker only) how the host is doing."""

from __future__ import annotations

import asyncio
import copy
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import structlog

from core.records import Sample
from ingest.observer import Counters, Observer

log = structlog.get_logger()


class Host(NamedTuple):
    """How the machine is doing. Percentages are 0..100; `cpu_percent` is over all cores since the last call."""

    cpu_percent: float | None = None
    memory_percent: float | None = None
    memory_bytes: int | None = None
    disk_percent: float | None = None
    disk_bytes: int | None = None


def measure_host(directory: Path) -> Host:
    """CPU and memory of the host, and the file system that holds `directory`."""
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(directory))
    return Host(
        psutil.cpu_percent(interval=None), memory.percent, memory.total - memory.available, disk.percent, disk.used
    )


WAITING_EVERY = 5
"""Seconds between two looks at what waits for an answer."""
WAITED_OUT = 5
"""Seconds that a clock may be set back without samples of them coming twice."""


def next_second(now: float, last: int) -> int:
    """The whole second to wake at after the one of `last`. A sleep may end a little early, which must not sample the
    same second twice; a clock that was set back starts anew."""
    following = int(now) + 1
    return last + 1 if 0 <= last - following < WAITED_OUT else following


class Sampler:
    """Runs beside the observer. A sample is filed under the whole second in which it covers what happened."""

    def __init__(self, observer: Observer, worker: int, data_dir: Path) -> None:
        self._observer = observer
        self._worker = worker
        self._data_dir = data_dir
        self._task: asyncio.Task[None] | None = None
        self._before = Counters()

    def start(self) -> None:
        self._data_dir.mkdir(parents=True, exist_ok=True)  # its file system is measured, also before a spool is made
        psutil.cpu_percent(interval=None)  # the first call only sets the mark
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        second = 0
        while True:
            now = time.time()
            second = next_second(now, second)
            await asyncio.sleep(second - now)
            host = Host()
            if self._worker == 0:
                try:
                    host = await loop.run_in_executor(None, measure_host, self._data_dir)
                except (OSError, psutil.Error) as error:
                    log.warning("The host could not be measured", error=str(error))
            self.take((second - 1) * 1_000_000, host)

    def take(self, timestamp: int, host: Host) -> None:
        """Records what happened since the last sample. `timestamp`: microseconds since the Unix epoch."""
        now, before = self._observer.counters, self._before
        self._observer.recorder.sample(
            Sample(
                timestamp=timestamp,
                worker=self._worker,
                active_connections=now.active,
                peak_connections=max(now.peak, now.active),
                opened=now.opened - before.opened,
                closed=now.closed - before.closed,
                events=now.client.messages - before.client.messages,
                frames_out=now.relay.frames - before.relay.frames,
                bytes_in=now.client.bytes - before.client.bytes,
                bytes_out=now.relay.bytes - before.relay.bytes,
                pending=self._observer.pending(),
                dropped=self._observer.recorder.dropped,
                unreachable=now.unreachable - before.unreachable,
                **host._asdict(),
                waiting=self._observer.waiting() if timestamp // 1_000_000 % WAITING_EVERY == 0 else [],
            )
        )
        now.peak = now.active
        self._before = copy.deepcopy(now)
