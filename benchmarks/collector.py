"""How many records a second the collector makes durable, over WebSocket and HTTP, beside what that costs at the least.

The collector runs as its own process; the sender, in this one, keeps eight batches under way. Every round measures, in
turn: decoding the same messages and appending them to a file with an fsync each (`floor`), putting the same events into
the spool (`spool`), and the collector over WebSocket and HTTP. Rates are records per second of the processor time of
the process that does the work, and by the clock; the sender needs a core of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import numpy as np
from websockets.asyncio.client import connect

from benchmarks.servers import machine
from core.accounts.sources import hashed
from core.records import Batch
from core.settings import ROOT
from ingest.collector.quick import Reader
from ingest.collector.reading import Lines, Message, take
from ingest.collector.records import Door
from ingest.collector.sources import Known
from ingest.spool import Spool

RESULTS = Path(__file__).parent / "results"
RECORDS = 1_000
UNDER_WAY = 8
TOKEN = "ras_benchmark"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
"""The database is away: only the way to the spool is measured."""

Rate = dict[str, list[float]]


def made(number: int, random: np.random.Generator, *, full: bool) -> dict[str, Any]:
    """A record with the few fields that a service knows, or with all columns of the export."""
    at = f"2026-03-10T12:{number // 60 % 60:02d}:{number % 60:02d}.{number % 1_000_000:06d}Z"
    size_in, size_out = (int(size) for size in random.integers(50, 5000, 2))
    record = {
        "client_id": f"{int(random.zipf(1.5)) % 50_000:064x}", "event_type": "REQ", "timestamp": at, "outcome": "ok",
        "response_time_ms": round(float(random.lognormal(3, 1)), 3), "bytes_in": size_in, "bytes_out": size_out,
    }  # fmt: skip
    if not full:
        return record
    return record | {
        "id": number, "event_id": random.bytes(32).hex(), "event_type": "EVENT", "kind": 1, "error_code": None,
        "metadata": {"sub": "uuid"}, "bytes_transferred": size_in + size_out, "payload_in": size_in,
        "payload_out": size_out, "events_out": 3, "first_event_ms": None, "relay": "relay.example", "app": "Damus",
        "connection": number,
    }  # fmt: skip


class Texts:
    """The same batches as WebSocket messages and as lines."""

    def __init__(self, batches: int, *, full: bool) -> None:
        random = np.random.default_rng(1)
        self.lines = [
            b"\n".join(msgspec.json.encode(made(place, random, full=full)) for place in range(RECORDS))
            for _ in range(batches)
        ]

    def message(self, name: str, place: int) -> bytes:
        return b'{"batch":"%s","records":[%s]}' % (name.encode(), self.lines[place].replace(b"\n", b","))


def timed(work: Callable[[], object], batches: int) -> tuple[float, float]:
    """Records per second of processor time, and by the clock."""
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    records = batches * RECORDS
    return records / (time.process_time() - cpu), records / (time.perf_counter() - clock)


def processor_seconds(pid: int) -> float:
    """Processor time of another process, all its threads included, to the nanosecond: psutil knows hundredths."""
    return time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid(3) makes it of a process


def floor(texts: Texts, directory: Path) -> None:
    """What no collector of this format can do without: decode, append, fsync."""
    reader = Reader()
    with (directory / "floor").open("wb", buffering=0) as file:
        for place in range(len(texts.lines)):
            message = texts.message("floor", place)
            Message(message).quick(reader)
            file.write(message)
            os.fdatasync(file.fileno())


def spool(batches: Sequence[Batch], directory: Path) -> None:
    with Spool(directory / "baseline.spool", 1 << 40) as opened:
        for batch in batches:
            opened.append(batch)


async def over_websocket(port: int, texts: Texts, run: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with connect(f"ws://127.0.0.1:{port}/v1/events", additional_headers=headers, compression=None) as socket:
        for place in range(len(texts.lines)):
            if place >= UNDER_WAY:
                assert json.loads(await socket.recv())["taken"] == RECORDS
            await socket.send(texts.message(f"{run}-{place}", place))
        for _ in range(min(UNDER_WAY, len(texts.lines))):
            assert json.loads(await socket.recv())["taken"] == RECORDS


async def over_http(port: int, texts: Texts, run: str) -> None:
    places = iter(range(len(texts.lines)))

    async def sender() -> None:
        for place in places:
            assert (await asyncio.to_thread(post, port, texts.lines[place], f"{run}-{place}"))["taken"] == RECORDS

    await asyncio.gather(*(sender() for _ in range(UNDER_WAY)))


def post(port: int, body: bytes, batch: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Batch-Id": batch}
    with urlopen(Request(f"http://127.0.0.1:{port}/v1/events", body, headers), timeout=60) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def sent(send: Callable[[int, Texts, str], Coroutine[Any, Any, None]], port: int, texts: Texts, run: str) -> None:
    asyncio.run(send(port, texts, run))


def started(directory: Path, port: int) -> subprocess.Popen[bytes]:
    """A collector that knows the token."""
    place = directory / "spool"
    place.mkdir()
    known = Known(time.time(), {hashed(TOKEN).hex(): "benchmark"})
    (place / "collector-sources.json").write_bytes(msgspec.json.encode(known))
    environment = {
        **os.environ, "DATA_DIR": str(directory), "DEMO": "off", "DATABASE_URL": NOWHERE, "COLLECTOR_PORT": str(port),
        "METRICS_PORT": "0", "SPOOL_MAX_BYTES": str(1 << 40), "LOG_LEVEL": "error", "RELAY_URL": "",
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "ingest", "collector"], cwd=ROOT, env=environment)
    for _ in range(600):
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz"):
                return process
        except OSError:
            time.sleep(0.05)
    process.kill()
    raise RuntimeError("the collector does not start")


def measure(texts: Texts, rounds: int, port: int, directory: Path) -> dict[str, Any]:
    batches = len(texts.lines)
    taken = [take(Lines(lines), lambda: Door(0, str), "benchmark", RECORDS, Reader()) for lines in texts.lines]
    ready = [Batch("b", 0, "benchmark", next(iter(each.events.values())), [], [], []) for each in taken]
    process = started(directory, port)
    cpu_rates: Rate = {name: [] for name in ("floor", "spool", "websocket", "http")}
    clock_rates: Rate = {name: [] for name in cpu_rates}
    try:
        for number in range(rounds):
            for name, work in (
                ("floor", partial(floor, texts, directory)),
                ("spool", partial(spool, ready, directory)),
            ):
                cpu, clock = timed(work, batches)
                cpu_rates[name].append(cpu)
                clock_rates[name].append(clock)
            for name, send in (("websocket", over_websocket), ("http", over_http)):
                before = processor_seconds(process.pid)
                _, clock = timed(partial(sent, send, port, texts, f"{name}-{number}"), batches)
                cpu_rates[name].append(batches * RECORDS / (processor_seconds(process.pid) - before))
                clock_rates[name].append(clock)
    finally:
        process.terminate()
        process.wait()
    return {
        "records_per_batch": RECORDS,
        "batches_per_round": batches,
        "rounds": rounds,
        "bytes_per_record": round(len(texts.lines[0]) / RECORDS),
        "records_per_core_second": {name: round(statistics.median(each)) for name, each in cpu_rates.items()},
        "records_per_second": {name: round(statistics.median(each)) for name, each in clock_rates.items()},
        "cpu_ratio_to_floor": {
            name: round(statistics.median(a / b for a, b in zip(cpu_rates[name], cpu_rates["floor"], strict=True)), 3)
            for name in ("websocket", "http")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=300, help="Batches of 1,000 records a round.")
    parser.add_argument("--port", type=int, default=17_070)
    parser.add_argument("--keep", default="collector", help="Name of the result file.")
    given = parser.parse_args()
    result: dict[str, Any] = {}
    for name, full in (("few_fields", False), ("all_fields", True)):
        with tempfile.TemporaryDirectory(prefix="relay-analytics-bench-") as scratch:
            result[name] = measure(Texts(given.batches, full=full), given.rounds, given.port, Path(scratch))
    result |= machine()
    text = json.dumps(result, indent=2) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{given.keep}.json").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
