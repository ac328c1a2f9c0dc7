"""A process's sign of life, with its metrics: a datagram twice a second to the supervisor that started it."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import msgspec

from ingest.metrics import Reading

PULSE_SECONDS = 0.5
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Reading]).decode


class Pulse:
    """The process's end. `file` is the descriptor that the supervisor handed over."""

    def __init__(self, file: int) -> None:
        self._socket = socket.socket(fileno=file)
        self._socket.setblocking(False)  # traffic must never wait for the supervisor

    def beat(self, report: Sequence[Reading]) -> bool:
        """Sends a report. False when the supervisor is gone; a supervisor that does not read just misses it."""
        try:
            self._socket.send(_encode(report))
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


class PulseReader:
    """The supervisor's end."""

    def __init__(self) -> None:
        self._own, self._process = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._own.setblocking(False)

    @property
    def file(self) -> int:
        """To watch for reports."""
        return self._own.fileno()

    @property
    def process_file(self) -> int:
        """To hand to the process."""
        return self._process.fileno()

    def read(self) -> list[Reading] | None:
        """The newest report; None when there is none."""
        report = None
        while True:
            try:
                report = _decode(self._own.recv(1 << 20))
            except BlockingIOError:
                return report

    def started(self) -> None:
        """The process has its end now."""
        self._process.close()

    def close(self) -> None:
        self._own.close()
        self._process.close()
