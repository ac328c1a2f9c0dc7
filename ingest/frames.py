"""Reads WebSocket frames (RFC 6455, permessage-deflate of RFC 7692) from a copy of one direction's bytes.

Every byte fed is attributed exactly once: to a message (`wire`), or to `unread` (control frames, what was not read).
Nothing here raises for what the peers sent: a violation sets `failure`, and from then on bytes are only counted.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from websockets.speedups import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
WHOLE_TEXT = 0x81
"""The first byte of a text message of one frame, not compressed."""
MASKED = 0x80
ALIKE_HEAD = WHOLE_TEXT << 24 | 126 << 16
"""The first four bytes of such a message, not masked, of 126 to 65,535 bytes: its length is added to this."""
NO_STATUS = 1005
INFLATE_LIMIT = 16
"""A compressed message may inflate to this many times the largest message read before reading stops."""
_unpack_head = struct.Struct(">I").unpack_from

OnMessage = Callable[[bytes | None, int, int, float], bytes | None]
"""`(payload, payload_size, wire, now)`: the payload is None when the message is larger than what is read.

What it returns, unless None, is how messages begin that need no handing over from now on: they are counted together."""
OnAlike = Callable[[int, int, int, float], None]
"""`(messages, payload_size, wire, now)` of messages that began so, one after the other."""


@dataclass(slots=True)
class Passed:
    """What came in one direction, of all connections that are read together."""

    bytes: int = 0
    frames: int = 0
    messages: int = 0
    oversized: int = 0  # messages that are larger than what is read


class FrameError(ValueError):
    """The bytes are not WebSocket frames that can be read."""


class Inflater:
    """Inflates a copy of the messages of one direction, bounded, as negotiated."""

    __slots__ = ("_fresh_each_time", "_limit", "_window", "_zlib")

    def __init__(self, window_bits: int, no_context_takeover: bool, limit: int) -> None:
        self._window = -max(9, min(15, window_bits))
        self._fresh_each_time = no_context_takeover
        self._limit = limit
        self._zlib = zlib.decompressobj(self._window)

    def inflate(self, data: bytes) -> tuple[bytes | None, int]:
        """The message and its size; None and the size when it is larger than `limit`. Raises FrameError, zlib.error."""
        stream = self._zlib
        payload = stream.decompress(data + b"\x00\x00\xff\xff", self._limit)
        size = len(payload)
        # A message too large to read is still inflated to the end (bounded), because later ones may refer back to it.
        while stream.unconsumed_tail:
            size += len(stream.decompress(stream.unconsumed_tail, self._limit))
            if size > INFLATE_LIMIT * self._limit:
                raise FrameError("inflated message is too large")
        if self._fresh_each_time or stream.eof:
            self._zlib = zlib.decompressobj(self._window)
        return (payload, size) if size == len(payload) else (None, size)


class FrameReader:
    """Incremental reader of one direction of a connection.

    `fed` is every byte seen, `claimed` those handed over with messages, `unread` the rest as far as it is decided:
    `fed == claimed + unread` after `finish()`, and `fed >= claimed + unread` at any time.
    """

    __slots__ = (
        "_alike",
        "_buffer",
        "_fragments",
        "_fragments_compressed",
        "_fragments_size",
        "_fragments_wire",
        "_frame_begins",
        "_have",
        "_limit",
        "_need",
        "_on_alike",
        "_on_message",
        "_parts",
        "_skip",
        "_skipped",
        "_undecided",
        "close_code",
        "failure",
        "fed",
        "inflater",
        "passed",
        "unread",
    )

    def __init__(
        self, on_message: OnMessage, limit: int, on_alike: OnAlike | None = None, passed: Passed | None = None
    ) -> None:
        self._on_message = on_message
        self._on_alike = on_alike
        self._alike: bytes | None = None
        self._limit = limit
        self._frame_begins = True  # with the next bytes, and so does a message
        self._buffer = b""  # the beginning of a frame whose length is not known yet
        self._parts: list[bytes] | None = None  # pieces of a frame of known length: joined once, never concatenated
        self._have = self._need = 0
        self._skip = 0  # bytes of an oversized frame still to come
        self._skipped = (0, 0, 0)  # its first byte, payload size and wire size
        self._fragments: list[bytes] | None = None
        self._fragments_size = self._fragments_wire = 0
        self._fragments_compressed = False
        self.inflater: Inflater | None = None
        self.passed = passed or Passed()
        self.fed = self.unread = 0
        self._undecided = 0  # of `fed`, what was not handed over with a message
        self.close_code: int | None = None
        self.failure: str | None = None

    @property
    def claimed(self) -> int:
        return self.fed - self._undecided

    def feed(self, data: bytes, now: float) -> str | None:
        """Reads the next bytes; `now` is handed on with the messages they complete.

        Returns what is wrong with them when nothing can be read from here on.
        """
        size = len(data)
        self.fed += size
        self.passed.bytes += size
        alike = self._alike
        if (
            self._frame_begins
            and size > 3
            and data[0] == WHOLE_TEXT
            and (alike is None or not data.startswith(alike, 4))
        ):
            # One whole text message, as nearly everything that comes.
            second = data[1]
            length, begin = second & 0x7F, 2
            if length == 126:
                length, begin = (data[2] << 8) | data[3], 4
            if second & MASKED:
                begin += 4
            if size == begin + length and length <= self._limit and second & 0x7F != 127:
                self.passed.frames += 1
                self.passed.messages += 1
                payload = apply_mask(data[begin:], data[begin - 4 : begin]) if second & MASKED else data[begin:]
                on_message = self._on_message  # to call what is in a slot directly takes twice as long
                alike = on_message(payload, length, size, now)
                if alike is not None:
                    self._alike = alike
                return None
        self._undecided += size
        if self.failure is not None:
            self.unread += size
            return None
        try:
            self._read(data, now)
        except (FrameError, zlib.error) as error:
            self.fail(str(error))
        midway = self._skip or self._parts or self._buffer or self._fragments is not None
        self._frame_begins = not midway and self.failure is None
        return self.failure

    def fail(self, reason: str) -> None:
        """Stops reading: bytes are counted as unread from here on."""
        if self.failure is None:
            self.failure = reason
        self._frame_begins = False
        self.finish()

    def finish(self) -> None:
        """Attributes what was fed but belongs to no complete message."""
        self._buffer, self._parts, self._fragments, self._skip, self.inflater = b"", None, None, 0, None
        self.unread = self._undecided

    def _read(self, data: bytes, now: float) -> None:
        size = len(data)
        if self._skip:
            if size < self._skip:
                self._skip -= size
                return
            data = data[self._skip :]
            size = len(data)
            self._skip = 0
            first, length, wire = self._skipped
            self._frame(first, None, length, wire, now)
        if self._parts is not None:
            self._parts.append(data)
            self._have += size
            if self._have < self._need:
                return
            data = b"".join(self._parts)
            size = self._have
            self._parts = None
        elif self._buffer:
            data = self._buffer + data
            size = len(data)
            self._buffer = b""

        start = 0
        while size - start >= 2:
            if self._alike is not None and data.startswith(self._alike, start + 4) and self._fragments is None:
                start = self._pass_alike(data, start, now)
                if size - start < 2:
                    break
            first = data[start]
            second = data[start + 1]
            length = second & 0x7F
            header = start + 2
            if length == 126:
                if size - start < 4:
                    break
                length = (data[header] << 8) | data[header + 1]
                header += 2
            elif length == 127:
                if size - start < 10:
                    break
                length = int.from_bytes(data[header : header + 8], "big")
                header += 8
                if length >> 63:
                    raise FrameError("frame length has its highest bit set")
            masked = second & MASKED
            begin = header + 4 if masked else header
            end = begin + length
            if length > self._limit:
                if size < begin:
                    break
                if self.inflater is not None:
                    raise FrameError("compressed frame is too large")
                if end > size:
                    self._skip = end - size
                    self._skipped = (first, length, end - start)
                    return
                self._frame(first, None, length, end - start, now)
            elif end > size:
                self._parts = [data[start:]]
                self._have = size - start
                self._need = end - start
                return
            else:
                payload = data[begin:end]
                if masked:
                    payload = apply_mask(payload, data[header:begin])
                if first == WHOLE_TEXT and self._fragments is None:  # a whole text message: nearly all of Nostr
                    self.passed.frames += 1
                    self._undecided -= end - start
                    self._hand_over(payload, length, end - start, now)
                else:
                    self._frame(first, payload, length, end - start, now)
            start = end
        if start < size:
            self._buffer = data[start:] if start else data

    def _pass_alike(self, data: bytes, start: int, now: float) -> int:
        """Counts whole text messages that begin as `_alike` says, and returns where they end.

        Only unmasked frames of 126 to 65,535 bytes, as an event with its signature takes: all others are read as ever.
        """
        alike, on_alike = self._alike, self._on_alike
        if alike is None or on_alike is None:  # pragma: no cover - set together
            return start
        least, most, size, begin = len(alike), min(self._limit, 0xFFFF), len(data), start
        messages = 0
        while data.startswith(alike, start + 4):
            (head,) = _unpack_head(data, start)
            length = head - ALIKE_HEAD
            end = start + 4 + length
            if end > size or not least <= length <= most:
                break
            messages += 1
            start = end
        if messages:
            wire = start - begin
            self.passed.frames += messages
            self.passed.messages += messages
            self._undecided -= wire
            on_alike(messages, wire - 4 * messages, wire, now)
        return start

    def _frame(self, first: int, payload: bytes | None, length: int, wire: int, now: float) -> None:
        """One complete frame: `payload` is None when it is too large to read."""
        self.passed.frames += 1
        opcode = first & 0x0F
        final = bool(first & 0x80)
        compressed = bool(first & 0x40)
        if first & 0x30 or (compressed and (self.inflater is None or opcode not in (TEXT, BINARY))):
            raise FrameError("reserved bits are set")
        if opcode >= CLOSE:
            self._control(opcode, payload, final, wire)
            return
        if opcode == CONTINUATION:
            if self._fragments is None:
                raise FrameError("continuation without a beginning")
        elif opcode in (TEXT, BINARY):
            if self._fragments is not None:
                raise FrameError("a message begins inside another")
            self._fragments = []
            self._fragments_size = self._fragments_wire = 0
            self._fragments_compressed = compressed
        else:
            raise FrameError("unknown opcode")

        self._fragments_size += length
        self._fragments_wire += wire
        if self._fragments_size > self._limit and self._fragments_compressed:
            raise FrameError("compressed message is too large")
        if payload is None or self._fragments_size > self._limit:
            self.passed.oversized += self._fragments_size - length <= self._limit  # once, when it grows too large
            self._fragments.clear()
        else:
            self._fragments.append(payload)
        if final:
            self._complete(now)

    def _complete(self, now: float) -> None:
        parts, size, wire = self._fragments or [], self._fragments_size, self._fragments_wire
        self._fragments = None
        payload = b"".join(parts) if size <= self._limit else None
        if self._fragments_compressed and payload is not None:
            if self.inflater is None:  # pragma: no cover - checked with the reserved bits
                raise FrameError("compression was not negotiated")
            payload, size = self.inflater.inflate(payload)
            self.passed.oversized += payload is None
        self._undecided -= wire
        self._hand_over(payload, size, wire, now)

    def _hand_over(self, payload: bytes | None, size: int, wire: int, now: float) -> None:
        self.passed.messages += 1
        alike = self._on_message(payload, size, wire, now)
        if alike is not None:
            self._alike = alike

    def _control(self, opcode: int, payload: bytes | None, final: bool, wire: int) -> None:
        if not final or payload is None or len(payload) > 125:
            raise FrameError("control frames are short and whole")
        if opcode > PONG:
            raise FrameError("unknown opcode")
        if opcode == CLOSE and self.close_code is None:
            self.close_code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_STATUS
        self.unread += wire
