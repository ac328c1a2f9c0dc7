"""The product's processes as faults see them: started, killed at any moment, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Self

import psutil

from core.settings import ROOT, Settings
from tests.endtoend.stack import eventually
from tests.support.ports import free_port

MOST_MEMORY = 400 * 1024**2
"""Bytes that a process may have resident, whatever goes wrong."""


class Part:
    """One role of `python -m ingest`, with its log in a file."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.kills = 0
        self.memory = 0
        self.log = log
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ingest", *self.name.split(), cwd=ROOT, env=self._environment,
                stdout=log, stderr=log,
            )  # fmt: skip

    async def kill(self) -> None:
        """SIGKILL, as the kernel does when memory runs out."""
        assert self._process is not None
        self._measure()
        self._process.kill()
        await self._process.wait()
        self.kills += 1

    async def stop(self) -> None:
        """SIGTERM. Fails when the process does not end by it (at once, while it still starts)."""
        if self._process is None:
            return
        self._measure()
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(60):
            await self._process.wait()
        assert self._process.returncode in {0, -signal.SIGKILL, -signal.SIGTERM}, (
            f"{self.name} ended with {self._process.returncode}"
        )

    @property
    def ended(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    def _measure(self) -> None:
        try:
            self.memory = max(self.memory, psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return
        assert self.memory < MOST_MEMORY, f"{self.name} has {self.memory} bytes resident"


class Ingest:
    """A tap and a writer of one data directory, in front of a relay."""

    def __init__(self, directory: Path, relay_url: str, database_url: str = "", **settings: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        environment = {
            **{name: value for name, value in os.environ.items() if name not in {"DEMO", "DATABASE_URL", "DATA_DIR"}},
            "DEMO": "off",
            "RELAY_URL": relay_url,
            "RELAY_NAME": "relay under test",
            "DATABASE_URL": database_url,
            "DATA_DIR": str(directory),
            "TAP_PORT": str(self.port),
            "FLUSH_INTERVAL": "0.05",
            "METRICS_PORT": "0",
            **settings,
        }
        directory.mkdir(parents=True, exist_ok=True)
        self.spools = directory / "spool"
        self.tap = Part("tap", environment, directory / "tap.log")
        self.writer = Part("writer", environment, directory / "writer.log")
        self.second_writer = Part("writer", environment, directory / "writer-2.log")

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.tap, self.writer, self.second_writer

    async def start(self) -> None:
        await self.tap.start()
        await self.writer.start()
        await self.listens()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            print(self.logs())
        for part in self.parts:
            await part.stop()

    async def listens(self) -> None:
        async def connects() -> bool:
            assert not self.tap.ended, self.tap.log.read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                return False
            writer.close()
            return True

        await eventually(connects, "the tap to listen")

    def logs(self) -> str:
        """The end of what the processes said."""
        said = [f"--- {part.log.name}\n{part.log.read_text()[-3000:]}" for part in self.parts if part.log.exists()]
        return "\n".join(said)

    def settings(self) -> Settings:
        return Settings(_env_file=None, data_dir=self.directory, demo="off", database_url=None)
