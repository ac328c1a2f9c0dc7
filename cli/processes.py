"""Child processes of `dev` and `serve`: started, labelled in one log, restarted when they die, stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.stopping import set_on_signals

STOP_PATIENCE = 20.0
"""Seconds a process has to stop by itself before it is killed: the writer empties the spool in this time."""
LONGEST_PAUSE = 30.0
HEALTHY_AFTER = 60.0
"""A process that lived this long starts again at once; one that dies sooner waits longer each time."""


@dataclass
class Child:
    """One process to keep running. `once` marks a task that ends by itself."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    once: bool = False
    patience: float = STOP_PATIENCE
    process: subprocess.Popen[str] | None = field(default=None, init=False)
    started: float = field(default=0.0, init=False)
    restart_at: float = field(default=0.0, init=False)
    pause: float = field(default=1.0, init=False)


class Processes:
    """Keeps children running until `stop`. Their output goes to this process's, each line with the child's name unless
    it is not `labelled`: then as it is, for programs to read."""

    def __init__(self, children: Sequence[Child], *, labelled: bool = True) -> None:
        self.children = list(children)
        self._labelled = labelled
        self._stopping = threading.Event()
        self._printing = threading.Lock()

    def run(self) -> None:
        """Start all and supervise until a signal of `stop_on`; then stop all, in reverse order of their start."""
        for child in self.children:
            self._start(child)
        try:
            while not self._stopping.wait(0.2):
                for child in self.children:
                    self._supervise(child)
        finally:
            self._stop_all()

    def stop_on(self, *numbers: signal.Signals) -> None:
        """End `run` when one of the signals comes."""
        set_on_signals(self._stopping, *numbers)

    def say(self, name: str, line: str) -> None:
        with self._printing:
            print(f"{name:>9} │ {line}", flush=True)

    def _start(self, child: Child) -> None:
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            child.command,
            env={**os.environ, **child.environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self._labelled else None,
            stderr=subprocess.STDOUT if self._labelled else None,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches this process only, which then stops the children in order
        )
        if self._labelled:
            threading.Thread(target=self._copy_output, args=(child.name, child.process), daemon=True).start()

    def _copy_output(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            self.say(name, line.rstrip())

    def _supervise(self, child: Child) -> None:
        if child.process is None:
            if child.restart_at and time.monotonic() >= child.restart_at:
                self._start(child)
            return
        code = child.process.poll()
        if code is None:
            return
        child.process = None
        if child.once and code == 0:
            return
        lived = time.monotonic() - child.started
        child.pause = 1.0 if lived >= HEALTHY_AFTER else min(child.pause * 2, LONGEST_PAUSE)
        child.restart_at = time.monotonic() + child.pause
        self.say(child.name, f"ended with code {code}; starting again in {child.pause:.0f} s")

    def _stop_all(self) -> None:
        for child in reversed(self.children):
            process = child.process
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(child.patience)
            except subprocess.TimeoutExpired:
                self.say(child.name, "does not stop; killed")
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this environment."""
    return [sys.executable, "-m", name, *arguments]
