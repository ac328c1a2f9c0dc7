"""What a process reports of itself, to its supervisor, or on a metrics port of its own when it has none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ingest.metrics import Exposition, Process, Reading, build_info
from ingest.metrics_server import Health
from ingest.pulse import PULSE_SECONDS, Pulse


class Vitals:
    """What the process says of itself. Taken in the event loop, because other threads must not walk what it changes."""

    def __init__(self, take: Callable[[], Sequence[Reading]], name: str, pulse: Pulse | None) -> None:
        self._take = take
        self._name = name
        self._pulse = pulse
        self._report = take()

    async def beat(self) -> None:
        """Twice a second, for as long as the event loop turns."""
        while True:
            self._report = self._take()
            if self._pulse is not None and not self._pulse.beat(self._report):
                return  # the supervisor is gone
            await asyncio.sleep(PULSE_SECONDS)

    def exposition(self) -> Exposition:
        return Exposition([Process(self._name, True, 0, self._report)], [build_info()])

    def health(self, *, stopping: bool) -> Health:
        return Health(not stopping, "stopping" if stopping else "ok", {self._name: "up"})
