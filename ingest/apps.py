"""Which client application a connection runs: named by its events' `client` tag, its User-Agent or its Origin."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from core.metadata import without_addresses
from ingest.http_head import Head

APP_LENGTH = 64
MAX_APPS = 1000
OTHER_APPS = "other"

_PRODUCT = re.compile(r"\s*([^\s/;(]+(?: [^\s/;()\d]+)*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def app_from_request(head: Head) -> str | None:
    """The site a browser is on, else the first product of the User-Agent without its version."""
    agent = head.get("user-agent") or ""
    origin = head.get("origin") or ""
    if origin and (not agent or agent.startswith("Mozilla/")):
        try:
            host = urlsplit(origin).hostname
        except ValueError:
            host = None
        if host:
            return _clean(host)
    match = _PRODUCT.match(agent)
    return _clean(match[1]) if match else None


class AppNames:
    """Keeps the number of different names bounded: anyone can invent one. Beyond the bound all are `other`."""

    def __init__(self, limit: int = MAX_APPS) -> None:
        self._known: set[str] = set()
        self._limit = limit

    def admit(self, name: str | None) -> str | None:
        """The name to put on rows."""
        name = _clean(name) if name else None
        if not name or name in self._known:
            return name or None
        if len(self._known) >= self._limit:
            return OTHER_APPS
        self._known.add(name)
        return name


def _clean(name: str) -> str:
    return without_addresses(_CONTROL.sub("", name).strip())[:APP_LENGTH]
