"""The head of an HTTP/1 request or response: read, and changed only where it must be. Pure functions on bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

END = b"\r\n\r\n"
_LINE = re.compile(rb"[A-Z]{1,32} [^ \r\n]+ HTTP/1\.[01]\r\n")
_EXTENSIONS = "sec-websocket-extensions"


@dataclass(frozen=True, slots=True)
class Head:
    """A request's method and target, or a response's status line in `method`; header names are lower-case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """The first value of a header, by its lower-case name."""
        return next((value for key, value in self.headers if key == name), None)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def is_upgrade(self) -> bool:
        return self.method == "GET" and (self.get("upgrade") or "").lower() == "websocket"

    @property
    def body_length(self) -> int | None:
        """Bytes of the request's body; None when it says so itself, chunk by chunk."""
        if self.get("transfer-encoding") is not None:
            return None
        length = self.get("content-length") or "0"
        return int(length) if length.isascii() and length.isdigit() else None


def looks_like_request(data: bytes) -> bool:
    """Whether the bytes so far may be the beginning of a request."""
    line = data[:64].split(b"\r\n", 1)[0]
    word = line.split(b" ", 1)[0]
    return word.isalpha() and word.isupper() and len(word) <= 32


def parse_head(data: bytes) -> Head | None:
    """A head without its blank line; None when it is not HTTP."""
    lines = data.decode("latin-1").split("\r\n")
    first = lines[0].split(" ", 2)
    if len(first) < 2:
        return None
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.append((name.strip().lower(), value.strip()))
    return Head(first[0], first[1], tuple(headers))


def is_request(data: bytes) -> bool:
    return _LINE.match(data + b"\r\n") is not None


def without(head: bytes, *names: str) -> bytes:
    """The head without these headers."""
    pattern = b"|".join(re.escape(name.encode()) for name in names)
    return re.sub(rb"\r\n(?:" + pattern + rb")[ \t]*:[^\r\n]*", b"", head, flags=re.IGNORECASE)


def with_header(head: bytes, name: str, value: str) -> bytes:
    """The head with this header, and no other of its name."""
    return without(head, name) + f"\r\n{name}: {value}".encode("latin-1")


def with_target(head: bytes, target: str) -> bytes:
    """The request with another target."""
    method, _, rest = head.partition(b" ")
    _, _, rest = rest.partition(b" ")
    return b" ".join((method, target.encode("latin-1"), rest))


class Compression(NamedTuple):
    """What was negotiated for permessage-deflate (RFC 7692)."""

    client_window_bits: int = 15
    server_window_bits: int = 15
    client_no_context_takeover: bool = False
    server_no_context_takeover: bool = False


def negotiated_compression(response: Head) -> Compression | None:
    """The accepted permessage-deflate of a 101 response; None when messages are not compressed."""
    for extension in ",".join(response.get_all(_EXTENSIONS)).split(","):
        name, *parameters = (part.strip().lower() for part in extension.split(";"))
        if name != "permessage-deflate":
            continue
        values = {
            key.strip(): value.strip().strip('"') for key, _, value in (each.partition("=") for each in parameters)
        }
        return Compression(
            _bits(values.get("client_max_window_bits")),
            _bits(values.get("server_max_window_bits")),
            "client_no_context_takeover" in values,
            "server_no_context_takeover" in values,
        )
    return None


def _bits(value: str | None) -> int:
    return int(value) if value and value.isdigit() and 8 <= int(value) <= 15 else 15


_STATUS = {
    400: "Bad Request",
    408: "Request Timeout",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


def refusal(status: int) -> bytes:
    """The tap's own answer, when there is no relay's to pass on."""
    return f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
