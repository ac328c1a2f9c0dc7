"""One of two sockets that are joined: how it is slowed down when the other cannot take more, and how both end."""

from __future__ import annotations

import asyncio
from typing import cast

LINGER_SECONDS = 10.0
"""A half-closed connection is closed when nothing moved for so long."""


class Side(asyncio.Protocol):
    """What both sides share: flow control, half-close, end."""

    transport: asyncio.Transport | None = None
    other: Side | None = None
    ended = False  # the peer sent its FIN
    received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.other is not None:
            self.other.close()

    def close(self) -> None:
        """Closes after what is queued was sent."""
        if self.transport is not None:
            self.transport.close()

    def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def pause_writing(self) -> None:
        """This side cannot take more: the other one is not read until it can."""
        if self.other is not None:
            self.other.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.resume_reading()

    def pause_reading(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def eof_received(self) -> bool:
        """Passes the half-close on. Two half-closed sides are closed; one is only for as long as something moves."""
        self.ended = True
        other = self.other
        if other is None or other.transport is None or other.ended or self._is_tls():
            return False  # connection_lost closes the other; TLS knows no half-close
        if other.transport.can_write_eof():
            try:
                other.transport.write_eof()
            except (OSError, RuntimeError):
                return False
        self._linger(other, other.received)
        return True

    def _is_tls(self) -> bool:
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is not None

    def _linger(self, other: Side, received: int) -> None:
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end_linger, other, received)

    def _end_linger(self, other: Side, received: int) -> None:
        if self.transport is None:
            return
        if other.received != received:
            self._linger(other, other.received)
        else:
            self.transport.close()
