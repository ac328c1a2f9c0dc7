"""One process that is kept running: started, listened to, killed when frozen, started again, stopped in the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from ingest.metrics import Process, Reading
from ingest.pulse import PulseReader

log = structlog.get_logger()

SILENCE_SECONDS = 5.0
START_SECONDS = 20.0
"""How long a process may be silent, and how long until its first sign of life."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
HEALTHY_SECONDS = 30.0
"""A process that lived this long starts again at once; one that dies sooner waits longer each time."""


@dataclass(slots=True)
class Child:
    """One process of `python -m ingest`. `watched`: it is killed when it is silent, because clients wait for it."""

    name: str
    arguments: tuple[str, ...]
    watched: bool = False
    process: asyncio.subprocess.Process | None = None
    stopping: bool = False
    restarts: int = 0
    report: Sequence[Reading] = field(default_factory=list)
    heard: float | None = None  # when the process was last heard of, on the monotonic clock

    def state(self) -> Process:
        """How it is doing at this moment."""
        up = self.process is not None and self.process.returncode is None
        if self.watched:
            up = up and self.heard is not None and time.monotonic() - self.heard < SILENCE_SECONDS
        return Process(self.name, up, self.restarts, self.report)

    async def keep_running(self) -> None:
        """Starts the process, and again whenever it ends, until it is stopped."""
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            code = await self._run_once()
            if self.stopping:
                return
            self.restarts += 1
            pause = FIRST_PAUSE if time.monotonic() - started > HEALTHY_SECONDS else min(LONGEST_PAUSE, pause * 2)
            log.error("A process ended and is started again", name=self.name, code=code, pause=pause)
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        try:
            reader = PulseReader()
        except OSError as error:  # too many open files
            log.error("A process could not be started", name=self.name, error=str(error))
            return -1
        arguments = (*self.arguments, "--supervisor", str(os.getpid()), "--pulse", str(reader.process_file))
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ingest", *arguments, pass_fds=(reader.process_file,)
            )
        except OSError as error:
            reader.close()
            log.error("A process could not be started", name=self.name, error=str(error))
            return -1
        reader.started()
        listening = asyncio.ensure_future(self._listen(reader, self.process))
        try:
            return await self.process.wait()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            reader.close()
            self.report, self.heard = [], None

    async def _listen(self, reader: PulseReader, process: asyncio.subprocess.Process) -> None:
        """Takes its reports. Kills it when it has shown no sign of life for too long, its start included."""
        loop = asyncio.get_running_loop()
        beat = asyncio.Event()

        def heard() -> None:
            report = reader.read()
            if report is not None:
                self.report, self.heard = report, time.monotonic()
                beat.set()

        loop.add_reader(reader.file, heard)
        patience = START_SECONDS
        try:
            while True:
                try:
                    async with asyncio.timeout(patience if self.watched else None):
                        await beat.wait()
                except TimeoutError:
                    if not self.stopping and process.returncode is None:
                        log.error("A process is frozen and is killed", name=self.name)
                        process.kill()
                    return
                beat.clear()
                patience = SILENCE_SECONDS
        finally:
            loop.remove_reader(reader.file)

    async def stop(self, patience: float, hurry: asyncio.Event) -> None:
        """Ends the process: asked first, asked again when there is hurry, killed after `patience` seconds."""
        self.stopping = True
        process = self.process
        if process is None or process.returncode is not None:
            return
        asking = asyncio.ensure_future(self._ask(process, hurry))
        try:
            async with asyncio.timeout(patience):
                await process.wait()
        except TimeoutError:
            log.error("A process did not stop and is killed", name=self.name)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        finally:
            asking.cancel()

    @staticmethod
    async def _ask(process: asyncio.subprocess.Process, hurry: asyncio.Event) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            await hurry.wait()
            process.terminate()
