"""The process of the collector."""

from __future__ import annotations

import asyncio
import gc
import signal

import uvloop

from core.settings import Settings
from ingest.collector.collecting import Collector
from ingest.collector.serving import running_collector
from ingest.heap import keep_freed_memory
from ingest.metrics import Reading, reading
from ingest.metrics_server import application, serving
from ingest.pulse import Pulse
from ingest.vitals import Vitals

NAME = "collector"


def run_collector(settings: Settings, pulse: int | None = None) -> None:
    """Serves until SIGTERM. `pulse`: the descriptor to show signs of life on; without one this process serves its
    metrics itself. Raises OSError when it cannot listen."""
    keep_freed_memory()
    uvloop.run(_serve(settings, Pulse(pulse) if pulse is not None else None))


async def _serve(settings: Settings, pulse: Pulse | None) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running_collector(settings) as (collector, _):
        gc.freeze()
        vitals = Vitals(lambda: collector_report(collector), NAME, pulse)
        health = application(vitals.exposition, lambda: vitals.health(stopping=stop.is_set()))
        with serving(settings.metrics_host, settings.metrics_port if pulse is None else 0, health):
            beats = asyncio.ensure_future(vitals.beat())
            await stop.wait()
            beats.cancel()


def collector_report(collector: Collector) -> list[Reading]:
    """Everything at this moment, since the start of the process."""
    counters = collector.counters
    return [
        reading("collector_batches", counters.batches - counters.repeated, "kept"),
        reading("collector_batches", counters.repeated, "repeated"),
        reading("collector_batches", counters.busy, "sent away"),
        reading("collector_batches", counters.unreadable, "unreadable"),
        reading("collector_records", counters.records, "taken"),
        reading("collector_records", counters.refused, "refused"),
        reading("collector_unauthorised", counters.unauthorised),
        reading("collector_pending_bytes", collector.keeper.pending_bytes),
    ]
