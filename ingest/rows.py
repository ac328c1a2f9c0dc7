"""The rows of one connection: what each message of the client came to, and whose it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.records import Event
from ingest.messages import HEX_64
from ingest.requests import Reply, Request

MAX_IDENTITIES = 64
NOBODY: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Rows:
    """`client` is the name that rows get from now on, `app` the client application."""

    emit: Callable[[Event], None]
    connection: int
    client: str
    app: str | None = None
    identities: frozenset[str] = NOBODY  # pubkeys that the relay accepted (NIP-42 allows several)
    on_identity: Callable[[str, float], None] | None = None

    def authenticated(self, pubkey: str, now: float) -> None:
        """The relay accepted an AUTH: rows carry this name from now on."""
        if HEX_64.fullmatch(pubkey) is None or len(self.identities) >= MAX_IDENTITIES:
            return
        self.identities |= {pubkey}
        if self.on_identity is not None and pubkey != self.client:
            self.on_identity(pubkey, now)
        self.client = pubkey

    def add(self, request: Request, reply: Reply) -> None:
        """Writes the row of a request that has come to its end."""
        if reply.reason:
            request.note("reason", reply.reason)
        if len(self.identities) > 1:
            request.note("identities", len(self.identities))
        started, answered, first_event = request.started, reply.answered, reply.first_event
        emit = self.emit
        emit(
            Event(  # by position: seventeen names cost ten times as much to pass as what they name
                request.at,
                self.client,
                request.event_type,
                reply.outcome,
                reply.error_code,
                None if answered is None else (answered - started) * 1000 if answered > started else 0.0,
                None if first_event is None else (first_event - started) * 1000 if first_event > started else 0.0,
                request.wire,  # bytes_in
                reply.wire,  # bytes_out
                request.payload,  # payload_in
                reply.payload,  # payload_out
                reply.events,
                request.kind,
                request.event_id,
                self.connection,
                self.app,
                request.metadata,
            )
        )
