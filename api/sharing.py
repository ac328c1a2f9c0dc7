"""One reading for all who ask the same at the same time: a dashboard asks for one report with each of its panels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future

from core.reports.declaration import Result


class Shared:
    """Readings that are under way. Nothing is kept beyond its reading, so nobody gets anything old.

    What a caller may see must be decided before, and be part of the key where it limits the result.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[Result]] = {}

    def __call__(self, key: Hashable, read: Callable[[], Result]) -> Result:
        """The result of `read`, or of the call with this key that is under way; raises what that raises."""
        with self._lock:
            running = self._running.get(key)
            reading = None if running is not None else Future[Result]()
            if reading is not None:
                self._running[key] = reading
        if running is not None:
            return running.result()
        assert reading is not None  # noqa: S101 (for the type checker: one of the two is there)
        try:
            reading.set_result(read())
        except BaseException as error:
            reading.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._running[key]
        return reading.result()
