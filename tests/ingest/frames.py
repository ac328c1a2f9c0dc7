"""Makes WebSocket frames for tests: any kind, valid or not."""

from __future__ import annotations

import zlib

MASK = b"\x37\xfa\x21\x3d"


def frame(
    payload: bytes, opcode: int = 1, *, final: bool = True, masked: bool = True, rsv: int = 0, mask: bytes = MASK
) -> bytes:
    """One frame (RFC 6455 §5.2)."""
    first = (0x80 if final else 0) | rsv | opcode
    length = len(payload)
    bit = 0x80 if masked else 0
    if length < 126:
        header = bytes((first, bit | length))
    elif length < 65536:
        header = bytes((first, bit | 126)) + length.to_bytes(2, "big")
    else:
        header = bytes((first, bit | 127)) + length.to_bytes(8, "big")
    if not masked:
        return header + payload
    repeated = mask * (length // 4 + 1)
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:length], "big")
    return header + mask + number.to_bytes(length, "big")


class Deflater:
    """Compresses messages as a peer with a window of so many bits does."""

    def __init__(self, window_bits: int = 15, *, takeover: bool = True) -> None:
        self._bits = window_bits
        self._takeover = takeover
        self._stream = zlib.compressobj(wbits=-window_bits)

    def __call__(self, message: bytes) -> bytes:
        data = self._stream.compress(message) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        if not self._takeover:
            self._stream = zlib.compressobj(wbits=-self._bits)
        return data.removesuffix(b"\x00\x00\xff\xff")
