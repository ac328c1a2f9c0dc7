"""Signals that end a process whose main thread waits."""

from __future__ import annotations

import os
import signal
import threading


def set_on_signals(event: threading.Event, *numbers: signal.Signals) -> None:
    """Sets the event when one of the signals comes. For the main thread, once in a process.

    A thread of its own does it: a handler runs in the main thread, maybe within `event.wait`, which then holds the lock
    that `event.set` waits for, and neither would ever go on.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)  # with a handler, a signal's number is written to the descriptor

    def watch() -> None:
        while True:
            if set(os.read(told, 64)) & set(numbers):
                event.set()

    threading.Thread(target=watch, name="signals", daemon=True).start()
