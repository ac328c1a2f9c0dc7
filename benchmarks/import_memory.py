"""Whether an import takes more memory for a longer file: the peak of its process, for two sizes of each format.

`peak_memory_mib` is what the process of `relay-analytics import` had resident at most, as the kernel counts it (VmHWM).
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psycopg

from benchmarks.collector import made
from benchmarks.ingest import NOON
from benchmarks.servers import database
from core.storage.embedded import EmbeddedServer
from core.storage.migrate import migrate

LONGER = 8
"""How many times as long the second file is."""
PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
CONNECTION = 8
"""Lines of one connection in strfry's log."""


def exported(path: Path, rows: int) -> None:
    """An export as NDJSON with all columns, of up to 50,000 clients, with gzip."""
    random = np.random.default_rng(1)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(msgspec.json.encode(made(number, random, full=True)) + b"\n" for number in range(rows))


def access_log(path: Path, lines: int) -> None:
    """An access log in the documented format, of 50,000 addresses."""
    random = np.random.default_rng(1)
    clients, sizes = random.integers(0, 50_000, lines).tolist(), random.integers(100, 10**6, (2, lines)).tolist()
    start = int(NOON.timestamp())
    with path.open("w") as file:
        file.writelines(
            f"10.{client >> 16}.{client >> 8 & 255}.{client & 255} - - [10/Mar/2026:12:00:00 +0000] "
            f'"GET / HTTP/1.1" 101 {sizes[0][n]} "-" "bot/{client % 20}" '
            f"msec={start + n * 0.01:.3f} request_time={client % 3600}.500 "
            f'bytes_sent={sizes[0][n]} upstream_bytes_sent="{sizes[1][n]}" connection={n} host="relay.example" '
            'origin="-" forwarded="-"\n'
            for n, client in enumerate(clients)
        )


def strfry_log(path: Path, lines: int) -> None:
    """A log of strfry that dumps messages: connections one after another, each with an event and two REQs."""
    with path.open("w") as file:
        for number in range(lines // CONNECTION):
            at = f"2026-03-10 12:{number // 60 % 60:02d}:{number % 60:02d}.{number % 1000:03d}"
            file.writelines(f"{at} ( 1.000s) [Ingester 1 ]INFO| {text}\n" for text in _connection(number))


def _connection(number: int) -> Iterator[str]:
    client, event = f"10.0.{number >> 8 & 255}.{number & 255}", f"{number:064x}"
    yield f"[{number}] Connect from {client} compression=Y sliding=N"
    yield f'[{number}] dumpInEvent: ["EVENT",{{"id":"{event}","kind":1,"pubkey":"{event}","content":"","tags":[]}}]'
    yield f"Inserted event. id={event} levId={number}"
    for name in ("feed", "notes"):
        yield f'[{number}] dumpInReq: ["REQ","{name}:1",{{"kinds":[1],"limit":10}}]'
        yield f"[{number}] REQ='{name}:1' totalTime=812us totalWork=40 recsSent=10"
    carried = "UP: 4.00K (75.0% compressed) DN: 512b (0.0% compressed) Pending: 0b"
    yield f"[{number}] Disconnect from {client} (1001/-) {carried}"


def longer(short: Path, long: Path) -> None:
    """The same content several times over; several gzip members are one text."""
    with long.open("wb") as file:
        for _ in range(LONGER):
            file.write(short.read_bytes())


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "ndjson.gz": exported, "nginx": access_log, "strfry": strfry_log,
}  # fmt: skip


def memory(running: EmbeddedServer, place: Path, rows: int) -> dict[str, list[dict[str, Any]]]:
    """By format: what an import of so many lines took, and of a file that is longer."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, write in WRITERS.items():
        short, long = place / name, place / f"long-{name}"
        write(short, rows)
        if name == "ndjson.gz":
            longer(short, long)
        else:
            write(long, rows * LONGER)
        found[name] = [
            imported(running, path, place / "data", lines) for path, lines in ((short, rows), (long, rows * LONGER))
        ]
        short.unlink()
        long.unlink()
    return found


def imported(running: EmbeddedServer, path: Path, directory: Path, lines: int) -> dict[str, Any]:
    """Imports a file into an empty database with the command. Raises RuntimeError when that fails."""
    with database(running, "import_memory") as (opened, _):
        migrate(opened)
        environment = {**os.environ, "DATABASE_URL": opened.dsn, "DATA_DIR": str(directory), "DEMO": "off"}
        command = [
            str(Path(sys.executable).parent / "relay-analytics"),
            "import",
            str(path),
            "--relay",
            "relay.example",
        ]
        peak = 0
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:  # not getrusage: a child begins with the peak of the process it was forked from
            status = PEAK.search(Path(f"/proc/{process.pid}/status").read_text())
            peak = max(peak, int(status[1]) if status else 0)
            time.sleep(0.02)
    with psycopg.connect(running.dsn("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE import_memory WITH (FORCE)")
    if process.returncode:
        raise RuntimeError(f"the import of {path.name} failed")
    return {"lines": lines, "bytes": path.stat().st_size, "peak_memory_mib": round(peak / 1024)}
