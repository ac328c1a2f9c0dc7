"""A signal ends a wait, also when it comes just as the wait begins or ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

WAITS = """
import os, signal, threading, time
from core.stopping import set_on_signals

stop = threading.Event()
set_on_signals(stop, signal.SIGTERM, signal.SIGINT)
{moment}
print("stopped" if stop.wait(20) else "still waiting")
"""
MOMENTS = {
    "before the wait": "os.kill(os.getpid(), signal.{name})",
    # as within `wait`, which holds the event's lock when it begins and when it ends
    "while the event is locked": "with stop._cond: os.kill(os.getpid(), signal.{name}); time.sleep(0.1)",
    "while it waits": "threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.{name})).start()",
    "twice": "with stop._cond: [os.kill(os.getpid(), signal.{name}) or time.sleep(0.1) for _ in range(2)]",
}


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_ends_the_wait_whenever_it_comes(moment: str, name: str) -> None:
    program = WAITS.format(moment=MOMENTS[moment].format(name=name))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "stopped\n"


def test_another_signal_does_not() -> None:
    program = WAITS.format(
        moment="signal.signal(signal.SIGUSR1, lambda *_: None); os.kill(os.getpid(), signal.SIGUSR1)"
    )
    program = program.replace("stop.wait(20)", "stop.wait(0.5)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "still waiting\n"
