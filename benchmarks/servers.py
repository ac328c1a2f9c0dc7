"""A database server of its own for a benchmark, as `make dev` would run it, and what machine it runs on."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from core.storage.connections import Database
from core.storage.embedded import EmbeddedServer


@contextmanager
def server(place: Path | None = None) -> Iterator[EmbeddedServer]:
    """A running embedded server, in a directory that is kept, or in one that is removed."""
    with tempfile.TemporaryDirectory(prefix="relay-analytics-bench-") as scratch:
        made = EmbeddedServer((place or Path(scratch)) / "postgres")
        made.ensure(300)
        try:
            yield made
        finally:
            made.stop()
            if place is None:  # where others cannot look into the scratch directory, it lies elsewhere
                shutil.rmtree(made.home.resolve(), ignore_errors=True)


@contextmanager
def database(running: EmbeddedServer, name: str) -> Iterator[tuple[Database, bool]]:
    """A database of this name, and whether it is new."""
    with psycopg.connect(running.dsn("postgres"), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not found:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    with Database(running.dsn(name)) as opened:
        yield opened, not found


def machine() -> dict[str, Any]:
    """What the figures belong to."""
    models = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cpu_count": os.cpu_count(),
        "memory_gib": round(memory[0] / 2**20, 1) if memory else None,
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
