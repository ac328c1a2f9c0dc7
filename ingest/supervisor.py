"""Keeps the ingest processes running: tap workers, which forward traffic, the collector, and the writer and the jobs,
which may fail without harm.

A process that ends is started again. A tap that is frozen (no sign of life) is worse than none, because clients wait
for it: it is killed and started again. The supervisor also serves the metrics of them all.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence

import structlog

from core.settings import Settings
from ingest.child import Child
from ingest.metrics import Exposition, build_info
from ingest.metrics_server import Health, application, serving
from ingest.spool_metrics import spool_readings

log = structlog.get_logger()

TAP_PATIENCE = 6.0
"""Seconds a tap has to stop once it has closed its connections."""
COLLECTOR_PATIENCE = 8.0
WRITER_PATIENCE = 12.0
JOBS_PATIENCE = 12.0


async def supervise(settings: Settings, parts: Sequence[str]) -> None:
    """Runs those of `parts` that are configured (tap, collector, writer, jobs), until SIGTERM or SIGINT. The taps end
    first, given time to drain (a second signal ends that time), and collector and jobs with them; the writer stores the
    rest."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: (hurry if stop.is_set() else stop).set())
    taps = tap_children(settings.tap_workers) if "tap" in parts and settings.relay_url is not None else []
    collects = "collector" in parts and settings.collector_port is not None
    collectors = [Child("collector", ("collector",), watched=True)] if collects else []
    writers, jobs = ([Child(part, (part,))] if part in parts else [] for part in ("writer", "jobs"))
    children = [*taps, *collectors, *writers, *jobs]

    def exposition() -> Exposition:
        states = [child.state() for child in children]
        return Exposition(states, [build_info(), *spool_readings(settings, time.time())])

    with serving(
        settings.metrics_host,
        settings.metrics_port,
        application(exposition, lambda: health(children, taps or collectors or children, stopping=stop.is_set())),
    ):
        keeping = [asyncio.ensure_future(child.keep_running()) for child in children]
        await stop.wait()
        if taps:
            log.info("The taps stop", drain_seconds=settings.tap_drain_seconds)
        await asyncio.gather(
            *(child.stop(settings.tap_drain_seconds + TAP_PATIENCE, hurry) for child in taps),
            *(child.stop(COLLECTOR_PATIENCE, hurry) for child in collectors),
            *(child.stop(JOBS_PATIENCE, hurry) for child in jobs),
        )
        await asyncio.gather(*(child.stop(WRITER_PATIENCE, hurry) for child in writers))
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)


def tap_children(workers: int) -> list[Child]:
    """The tap workers. They share the port when there are several."""
    return [
        Child(f"tap-{worker}", ("tap", "--worker", str(worker), "--workers", str(workers)), watched=True)
        for worker in range(workers)
    ]


def health(children: Sequence[Child], needed: Sequence[Child], *, stopping: bool) -> Health:
    """Whether clients can be sent here: all that is needed for them (taps; without any, the collector) runs and is not
    about to stop. The others are told of."""
    up = {child.name: child.state().up for child in children}
    needed_up = all(up[child.name] for child in needed)
    status = "stopping" if stopping else "ok" if needed_up else "not every tap runs"
    return Health(needed_up and not stopping, status, {name: "up" if is_up else "down" for name, is_up in up.items()})
