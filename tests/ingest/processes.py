"""`python -m ingest` as an operator runs it, and what its metrics say."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import psutil
from prometheus_client.parser import text_string_to_metric_families

from core.settings import ROOT
from tests.endtoend.stack import eventually
from tests.support.ports import free_port

DEADLINE = 60.0
PREFIX = "relay_analytics_"


class Ingest:
    """A running `python -m ingest`. Its database is down, so that everything measured stays in the spools."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, metrics_port: int) -> None:
        self.process = process
        self.port = port
        self.metrics_port = metrics_port

    async def get(self, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{self.metrics_port}{path}")

    async def readings(self, name: str, **labels: str) -> dict[str, float]:
        """The values of a metric by process, summed over what labels are not given; read anew."""
        found: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families((await self.get("/metrics")).text):
            for sample in family.samples:
                if sample.name == PREFIX + name and labels.items() <= sample.labels.items():
                    found[sample.labels.get("process", "")] += sample.value
        return found

    async def total(self, name: str, **labels: str) -> float:
        """The value of a metric, summed over the processes."""
        return sum((await self.readings(name, **labels)).values())

    async def reaches(self, name: str, value: float, **labels: str) -> None:
        """Waits until a metric has this value."""

        async def has() -> bool:
            return await self.total(name, **labels) == value

        await eventually(has, f"{name} {labels} to be {value}")

    async def is_healthy(self) -> bool:
        try:
            return (await self.get("/healthz")).status_code == 200
        except httpx2.TransportError:
            return False

    def tap_process(self, worker: int) -> psutil.Process:
        """The process of a tap worker that runs now."""
        mark = ["tap", "--worker", str(worker)]
        for child in psutil.Process(self.process.pid).children():
            if child.cmdline()[3:6] == mark:
                return child
        raise AssertionError(f"tap worker {worker} does not run")


@asynccontextmanager
async def running_ingest(directory: Path, relay_url: str, *arguments: str, **values: str) -> AsyncIterator[Ingest]:
    """Runs until the end of the block, then ends it and expects it to have ended well."""
    port, metrics_port = free_port(), free_port()
    environment = {
        **os.environ,
        "DATA_DIR": str(directory),
        "DEMO": "off",
        "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/nothing",
        "RELAY_URL": relay_url,
        "TAP_PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "TAP_DRAIN_SECONDS": "0",
        **values,
    }
    with (directory / "ingest.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ingest", *arguments, cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        ingest = Ingest(process, port, metrics_port)
        try:
            await eventually(ingest.is_healthy, "the taps to run")
            yield ingest
        finally:
            if process.returncode is None:
                process.terminate()
            assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
