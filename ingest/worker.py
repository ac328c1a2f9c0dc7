"""The process of one tap worker."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import sys
import time

import structlog
import uvloop

from core.settings import Settings
from ingest.heap import keep_freed_memory
from ingest.metrics_server import application, serving
from ingest.pulse import Pulse
from ingest.tap import Tap
from ingest.tap_metrics import tap_report
from ingest.vitals import Vitals

log = structlog.get_logger()

REPORT_SECONDS = 60.0
SWITCH_SECONDS = 0.0005
"""How long the thread that writes the spool may keep traffic waiting; Python's own 5 ms are its whole latency."""


def run_tap(settings: Settings, worker: int, pulse: int | None = None) -> None:
    """Serves until SIGTERM, then drains; a second SIGTERM ends that. `pulse`: the descriptor to show signs of life on;
    without one, nobody else serves the metrics and this process does. Raises OSError when it cannot listen."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    keep_freed_memory()
    uvloop.run(_serve(settings, worker, Pulse(pulse) if pulse is not None else None))


async def _serve(settings: Settings, worker: int, pulse: Pulse | None) -> None:
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: (hurry if stop.is_set() else stop).set())
    tap = Tap(settings, worker)
    await tap.start()
    gc.freeze()  # what lives as long as the process needs no looking at
    sys.setswitchinterval(SWITCH_SECONDS)
    vitals = Vitals(lambda: tap_report(tap), f"tap-{worker}", pulse)
    health = application(vitals.exposition, lambda: vitals.health(stopping=stop.is_set()))
    with serving(settings.metrics_host, settings.metrics_port if pulse is None else 0, health):
        tasks = [loop.create_task(work) for work in (vitals.beat(), _warn(tap), _rotate(tap))]
        await stop.wait()
        await tap.drain(settings.tap_drain_seconds, hurry)
        await tap.stop()
        for task in tasks:
            task.cancel()


async def _rotate(tap: Tap) -> None:
    """Address keys are destroyed on time also where nobody connects."""
    while True:
        try:
            tap.observer.identifier.rotate(time.time())
        except (
            OSError
        ) as error:  # a full disk has no room for a new key: the next minute, or the next client, tries again
            log.warning("The address key cannot be changed", error=str(error))
        await asyncio.sleep(REPORT_SECONDS)


async def _warn(tap: Tap) -> None:
    """A line a minute when something went wrong that no row tells."""
    before: dict[str, int] = {}
    names = ("unreadable", "overloaded", "failures", "refused", "late", "bad", "unreachable", "proxy_headers")
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        counts = {name: getattr(tap.observer.counters, name) for name in names} | {"dropped": tap.recorder.dropped}
        if any(counts[name] > before.get(name, 0) for name in counts):
            log.warning("Since the start", **counts)
        before = counts
