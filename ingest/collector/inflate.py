"""Inflates a gzip body, but never more of it than asked for: a few bytes can stand for gigabytes."""

from __future__ import annotations

import zlib

from core.exceptions import BadBatchError, TooLargeError

_GZIP = 16 + zlib.MAX_WBITS
MOST_MEMBERS = 64
"""Each member costs a copy of what follows it."""


def gunzip(data: bytes, most: int) -> bytes:
    """The inflated body; several gzip members are one text. Raises TooLargeError beyond `most` bytes, BadBatchError
    when it is no gzip or is cut off."""
    parts: list[bytes] = []
    room = most
    for _ in range(MOST_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(data, room + 1)
        except zlib.error as error:
            raise BadBatchError("The body is not gzip, though Content-Encoding says so.") from error
        room -= len(part)
        if room < 0:
            raise TooLargeError(f"The body is larger than {most} bytes when inflated.")
        if not member.eof:
            raise BadBatchError("The gzip body is cut off.")
        parts.append(part)
        data = member.unused_data.lstrip(b"\0")
        if not data:
            return b"".join(parts)
    raise BadBatchError(f"The gzip body has more than {MOST_MEMBERS} members.")
