"""The process of one tap worker."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal

import structlog
import uvloop

from core.settings import Settings
from ingest.tap import Tap

log = structlog.get_logger()

HEARTBEAT_SECONDS = 0.5
REPORT_SECONDS = 60.0


def run_tap(settings: Settings, worker: int, heartbeat: int | None = None) -> None:
    """Serves until SIGTERM. `heartbeat` is a file to write to twice a second for as long as the event loop turns."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(_serve(settings, worker, heartbeat))


async def _serve(settings: Settings, worker: int, heartbeat: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    tap = Tap(settings, worker)
    await tap.start()
    gc.freeze()  # what lives as long as the process needs no looking at
    beats = loop.create_task(_beat(heartbeat)) if heartbeat is not None else None
    reports = loop.create_task(_report(tap))
    await stop.wait()
    for task in (beats, reports):
        if task is not None:
            task.cancel()
    await tap.stop()


async def _beat(file: int) -> None:
    while True:
        try:
            os.write(file, b".")
        except OSError:
            return  # the supervisor is gone, or does not read
        await asyncio.sleep(HEARTBEAT_SECONDS)


async def _report(tap: Tap) -> None:
    """A line a minute when something went wrong that no row tells."""
    before: dict[str, int] = {}
    names = ("unreadable", "overloaded", "failures", "refused", "late", "bad", "unreachable")
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        counts = {name: getattr(tap.observer.counters, name) for name in names} | {"dropped": tap.recorder.dropped}
        if any(counts[name] > before.get(name, 0) for name in counts):
            log.warning("Since the start", **counts)
        before = counts
