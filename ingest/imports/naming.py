"""What names the clients of imported lines: the tap's own rules, with keys for the time of a line."""

from __future__ import annotations

from typing import NamedTuple

from core.settings import Settings
from ingest.apps import AppNames, app_from_request
from ingest.http_head import Head
from ingest.identity import Identifier, Identity, KeyRing, parse_address, parse_networks

UNKNOWN = "unknown"
"""The client of messages whose line names no connection."""


class Whose(NamedTuple):
    """A connection's client and application."""

    identity: Identity
    app: str | None


class Naming:
    """Names for one import. `now` is when it runs, in seconds since the Unix epoch: it chooses the key."""

    def __init__(self, settings: Settings, now: float) -> None:
        self._keys = KeyRing(settings.data_dir / "keys", settings.address_key_days)
        self._identifier = Identifier(
            self._keys, parse_networks(settings.tap_trusted_proxies), settings.client_key, settings.client_key_header
        )
        self._apps = AppNames()
        self._now = now

    def address(self, text: str, at: int) -> Identity:
        """Of an address alone; `at` is the line's time in microseconds."""
        return Identity(
            self._identifier.name_address(parse_address(text), self._now, written=at / 1_000_000), "address"
        )

    def request(self, peer: str, head: Head, at: int) -> Whose:
        """Of a request, as the tap would have named it."""
        identity = self._identifier.identify(peer, head, self._now, written=at / 1_000_000)
        return Whose(identity, self._apps.admit(app_from_request(head)))

    def app(self, name: str | None) -> str | None:
        return self._apps.admit(name)
