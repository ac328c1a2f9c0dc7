"""One of two sockets that are joined: how it is slowed down when the other cannot take more, and how both end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ingest.frames import FrameReader

LINGER_SECONDS = 10.0
"""A half-closed connection is closed when nothing moved for so long."""


class Side(asyncio.Protocol):
    """What both sides share: flow control, half-close, end."""

    # No dictionary: two of these, ten thousand times, and what is assigned below would make each one 400 bytes.
    __slots__ = ("_lingering", "data_received", "ended", "other", "reader", "received", "transport")

    def __init__(self, received: Callable[[bytes], None], other: Side | None = None) -> None:
        self.data_received = received  # type: ignore[assignment,method-assign]
        self.other = other
        self.transport: asyncio.Transport | None = None
        self.ended = False  # the peer sent its FIN
        self.received = 0  # bytes, as far as they did not come through a lane
        self.reader: FrameReader | None = None  # of what comes through a lane
        self._lingering: asyncio.TimerHandle | None = None

    def take(self, lane: Callable[[bytes], None], reader: FrameReader) -> None:
        """From now on what the peer sends goes to `lane`, with nothing between."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            self.reader = reader
            self.data_received = lane  # type: ignore[assignment,method-assign]
            transport.set_protocol(self)  # event loops remember where data goes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.data_received = _drop  # type: ignore[method-assign] # it may be a method of this very object
        if self._lingering is not None:
            self._lingering.cancel()  # it would keep both sides in memory until its time
        if self.other is not None:
            self.other.close()

    def close(self) -> None:
        """Closes after what is queued was sent. What still comes is dropped: there is nobody to write it to."""
        self.data_received = _drop  # type: ignore[method-assign]
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
        self._linger(other, other.moved())
        return True

    def moved(self) -> int:
        """Bytes that the peer sent, those that wait to be read left out."""
        return self.received + (self.reader.fed if self.reader is not None else 0)

    def _is_tls(self) -> bool:
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is not None

    def _linger(self, other: Side, received: int) -> None:
        self._lingering = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end_linger, other, received)

    def _end_linger(self, other: Side, received: int) -> None:
        if self.transport is None:
            return
        if other.moved() != received:
            self._linger(other, other.moved())
        else:
            self.transport.close()


def _drop(data: bytes) -> None:
    pass
