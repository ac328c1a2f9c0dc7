"""Keeps the ingest processes running: tap workers, which forward traffic, and the writer, which may fail without harm.

A process that ends is started again. A tap that is frozen (no heartbeat) is worse than none, because clients wait for
it: it is killed and started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass

import structlog

from core.settings import Settings

log = structlog.get_logger()

SILENCE_SECONDS = 5.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
HEALTHY_SECONDS = 30.0
"""A process that lived this long starts again at once; one that dies sooner waits longer each time."""
TAP_PATIENCE = 6.0
WRITER_PATIENCE = 12.0


@dataclass(slots=True)
class Child:
    """One process to keep running."""

    name: str
    arguments: tuple[str, ...]
    heartbeat: bool = False
    process: asyncio.subprocess.Process | None = None
    stopping: bool = False

    async def keep_running(self) -> None:
        """Starts the process, and again whenever it ends, until it is stopped."""
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            code = await self._run_once()
            if self.stopping:
                return
            pause = FIRST_PAUSE if time.monotonic() - started > HEALTHY_SECONDS else min(LONGEST_PAUSE, pause * 2)
            log.error("A process ended and is started again", name=self.name, code=code, pause=pause)
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        read, write = os.pipe()
        arguments = (*self.arguments, "--supervisor", str(os.getpid()))
        if self.heartbeat:
            arguments += ("--heartbeat", str(write))
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ingest", *arguments, pass_fds=(write,) if self.heartbeat else ()
            )
        except OSError as error:
            os.close(read)
            log.error("A process could not be started", name=self.name, error=str(error))
            return -1
        finally:
            os.close(write)
        watch = asyncio.ensure_future(self._watch(read, self.process)) if self.heartbeat else None
        try:
            return await self.process.wait()
        finally:
            if watch is not None:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
            os.close(read)

    async def _watch(self, file: int, process: asyncio.subprocess.Process) -> None:
        """Kills the process when it has shown no sign of life for too long, its start included."""
        loop = asyncio.get_running_loop()
        beat = asyncio.Event()

        def heard() -> None:
            if os.read(file, 4096):
                beat.set()
            else:
                loop.remove_reader(file)  # it has ended

        loop.add_reader(file, heard)
        patience = SILENCE_SECONDS * 4  # a start takes longer
        try:
            while True:
                try:
                    async with asyncio.timeout(patience):
                        await beat.wait()
                except TimeoutError:
                    if not self.stopping and process.returncode is None:
                        log.error("A process is frozen and is killed", name=self.name)
                        process.kill()
                    return
                beat.clear()
                patience = SILENCE_SECONDS
        finally:
            loop.remove_reader(file)

    async def stop(self, patience: float) -> None:
        """Ends the process: asked first, killed after `patience` seconds."""
        self.stopping = True
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(patience):
                await process.wait()
        except TimeoutError:
            log.error("A process did not stop and is killed", name=self.name)
            with contextlib.suppress(ProcessLookupError):
                process.kill()


async def supervise(settings: Settings) -> None:
    """Runs the tap workers and the writer until SIGTERM or SIGINT. The taps end first; the writer stores the rest."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    taps = [
        Child(f"tap {worker}", ("tap", "--worker", str(worker)), heartbeat=True)
        for worker in range(settings.tap_workers)
    ]
    writer = Child("writer", ("writer",))
    keeping = [asyncio.ensure_future(child.keep_running()) for child in (*taps, writer)]
    await stop.wait()
    await asyncio.gather(*(child.stop(TAP_PATIENCE) for child in taps))
    await writer.stop(WRITER_PATIENCE)
    for task in keeping:
        task.cancel()
    await asyncio.gather(*keeping, return_exceptions=True)
