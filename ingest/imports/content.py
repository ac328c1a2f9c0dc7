"""A file to import: opened whatever compressed it, told apart by its content, known again by its content."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa

from core.exceptions import ImportFileError

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
PARQUET = b"PAR1"
BLOCK = 1 << 20
LONGEST_LINE = 1 << 20
"""A longer line is read no further, and counted as one that cannot be read."""
STDIN = "-"


@contextmanager
def raw_file(name: str) -> Iterator[BinaryIO]:
    """The file itself; standard input is copied to a temporary file that has no name. Raises ImportFileError."""
    try:
        if name == STDIN:
            with tempfile.TemporaryFile() as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy, BLOCK)
                copy.seek(0)
                yield copy
        else:
            with Path(name).open("rb") as file:
                yield file
    except OSError as error:
        raise ImportFileError(f"{name} cannot be read: {error.strerror or error}.") from error


def uncompressed(raw: BinaryIO) -> BinaryIO:
    """What a raw file holds, from its beginning, without gzip or zstd."""
    raw.seek(0)
    start = raw.read(4)
    raw.seek(0)
    if start.startswith(GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=raw), BLOCK)
    if start == ZSTD:
        return io.BufferedReader(_Zstd(raw), BLOCK)
    return raw


class _Zstd(io.RawIOBase):
    def __init__(self, raw: BinaryIO) -> None:
        self._stream = pa.CompressedInputStream(pa.PythonFile(_Kept(raw), mode="r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Kept:
    """A file for Arrow to read, which would close it at its own end."""

    closed = False

    def __init__(self, raw: BinaryIO) -> None:
        self.read = raw.read

    def close(self) -> None:
        """The file is still needed."""


class Prefix(NamedTuple):
    """The first `size` bytes of a content."""

    size: int
    digest: str


@dataclass(frozen=True)
class Scan:
    """`whole`: what there is to import; `parts`: the shorter prefixes that were asked for."""

    whole: Prefix
    parts: tuple[Prefix, ...]
    incomplete: int
    """Bytes of a last line without its end, left for a later import; of logs only."""


def scan(content: BinaryIO, name: str, sizes: Sequence[int], *, is_log: bool) -> Scan:
    """Read all of it once, for its digest and those of its prefixes. Raises ImportFileError when it is damaged."""
    digest = hashlib.blake2b(digest_size=16)
    complete, complete_size, size = digest.copy(), 0, 0
    parts = []
    wanted = set(sizes)
    with damage_named(name):
        while block := content.read(BLOCK):
            line_end = block.rfind(b"\n") + 1
            inside = [stop - size for stop in wanted if size < stop <= size + len(block)]
            start = 0
            for stop in sorted({*inside, line_end} - {0}):
                digest.update(block[start:stop])
                start = stop
                if stop == line_end:
                    complete, complete_size = digest.copy(), size + stop
                if size + stop in wanted:
                    parts.append(Prefix(size + stop, digest.hexdigest()))
            digest.update(block[start:])
            size += len(block)
    if is_log:
        return Scan(Prefix(complete_size, complete.hexdigest()), tuple(parts), size - complete_size)
    return Scan(Prefix(size, digest.hexdigest()), tuple(parts), 0)


@contextmanager
def damage_named(name: str) -> Iterator[None]:
    """Errors of decompression as ImportFileError."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, pa.ArrowInvalid) as error:
        raise ImportFileError(f"{name} is damaged or not complete: {error}.") from error
    except OSError as error:  # Arrow's errors of decompression are of this kind too
        raise ImportFileError(f"{name} cannot be read: {error}.") from error


class Line(NamedTuple):
    """A line without its end; `end` is the position behind it; `text` None: longer than what is read."""

    number: int
    end: int
    text: bytes | None


def lines(content: BinaryIO, size: int) -> Iterator[Line]:
    """The lines of the first `size` bytes."""
    position = number = 0
    while position < size:
        text = content.readline(LONGEST_LINE)
        if not text:
            return
        position += len(text)
        number += 1
        if len(text) == LONGEST_LINE and not text.endswith(b"\n"):
            while text and not text.endswith(b"\n"):
                text = content.readline(LONGEST_LINE)
                position += len(text)
            yield Line(number, position, None)
        else:
            yield Line(number, position, text.removesuffix(b"\n"))


def size_of(raw: BinaryIO) -> int:
    return os.fstat(raw.fileno()).st_size
