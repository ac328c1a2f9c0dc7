"""The relay behind the tap: where it is, and what a request must look like for it."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Self
from urllib.parse import urlsplit

from ingest.http_head import with_header, with_target


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()  # reads the certificates of the system: once is enough


@dataclass(frozen=True, slots=True)
class Upstream:
    """A relay's address, from its URL.

    The client's `Host` is kept for `ws://`: the relay sits behind the tap as it would behind any reverse proxy, and may
    use the public name (NIP-42 checks it). For `wss://` the relay is a server of its own, found by its name: TLS (SNI)
    and `Host` must be that name or it would not answer.
    """

    host: str
    port: int
    tls: bool
    path: str  # without trailing slash
    query: str

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Takes `ws://host[:port][/path][?query]` or `wss://…`. Raises ValueError for what is neither."""
        parts = urlsplit(url)
        if parts.scheme not in {"ws", "wss"} or not parts.hostname:
            raise ValueError(f"{url!r} is no ws:// or wss:// URL")
        tls = parts.scheme == "wss"
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls, parts.path.rstrip("/"), parts.query)

    @property
    def rewrites(self) -> bool:
        """Whether requests are changed for this relay."""
        return self.tls or bool(self.path) or bool(self.query)

    def request(self, head: bytes) -> bytes:
        """The request's head as the relay is to get it; the very same bytes when nothing needs changing."""
        if self.path or self.query:
            head = with_target(head, self.target(head.split(b" ", 2)[1].decode("latin-1")))
        if self.tls:
            name = f"[{self.host}]" if ":" in self.host else self.host
            head = with_header(head, "Host", name if self.port == 443 else f"{name}:{self.port}")
        return head

    def target(self, target: str) -> str:
        """`/` is the relay's own path; what a client asks for below it stays below it."""
        if not target.startswith("/"):
            return target  # OPTIONS *
        path, mark, query = target.partition("?")
        joined = (self.path + path if path != "/" else self.path) or "/"
        query = "&".join(part for part in (self.query, query) if part)
        return f"{joined}?{query}" if query or mark else joined

    async def connect(self, protocol: asyncio.Protocol, seconds: float) -> None:
        """Connects the protocol. Raises OSError (TimeoutError, ssl.SSLError among them) when the relay is not there."""
        context = _tls_context() if self.tls else None
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().create_connection(
                lambda: protocol,
                self.host,
                self.port,
                ssl=context,
                server_hostname=self.host if self.tls else None,
            )
