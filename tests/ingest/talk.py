"""A conversation played into a pairing, with a clock of its own."""

from __future__ import annotations

import json
from typing import Any

from core.records import Event
from ingest.pairing import Pairing
from ingest.rows import Rows

ID = "ab" * 32
OTHER_ID = "cd" * 32
PUBKEY = "ef" * 32
HEADER = 6  # wire bytes that each message has more than its payload


def event(id_: str = ID, kind: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": id_, "kind": kind, "pubkey": PUBKEY, "tags": [], "content": "not read", **fields}


class Talk:
    """`client` and `relay` say something (a JSON value, or raw bytes) and take a millisecond each."""

    def __init__(self, timeout: float = 30.0, max_pending: int = 100) -> None:
        self.rows: list[Event] = []
        self.pairing = Pairing(Rows(self.rows.append, 7, "addr:test"), timeout, max_pending=max_pending)
        self.now = 1000.0
        self.sent = self.received = 0

    def client(self, *message: Any, raw: bytes | None = None) -> None:
        data = json.dumps(message).encode() if raw is None else raw
        self.sent += len(data) + HEADER
        self.pairing.client_message(data, len(data), len(data) + HEADER, self.now, int(self.now * 1e6))
        self.now += 0.001

    def relay(self, *message: Any, raw: bytes | None = None) -> None:
        data = json.dumps(message).encode() if raw is None else raw
        self.received += len(data) + HEADER
        self.pairing.relay_message(data, len(data), len(data) + HEADER, self.now)
        self.now += 0.001

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.pairing.expire(self.now)

    def says(self) -> list[tuple[str, str, str | None]]:
        """Type, outcome and error code of every row."""
        return [(row.event_type, row.outcome, row.error_code) for row in self.rows]
