"""What the tap knows of one connection: whose it is, its messages, and where every byte of it was counted."""

from __future__ import annotations

from core.records import Connection, Delivery
from ingest.apps import AppNames
from ingest.clock import Clock
from ingest.frames import FrameReader, Inflater, Passed
from ingest.http_head import Compression
from ingest.identity import Identity
from ingest.pairing import Pairing
from ingest.recorder import Recorder
from ingest.rows import Rows

DELIVERY_SECONDS = 10.0
"""Totals of a connection are recorded this often while there is something to say."""


SAME_READ = 100_000
"""Microseconds that timestamps of one connection may run ahead of the clock to stay in order."""


class Conversation:
    """One connection. It starts as plain HTTP, of which only bytes are counted; `begin` makes it a WebSocket."""

    __slots__ = (
        "_apps",
        "_clock",
        "_delivered_at",
        "_delivered_in",
        "_delivered_out",
        "_newest",
        "_opened_at",
        "_plain_in",
        "_plain_out",
        "_recorder",
        "_tagged",
        "awake",
        "client_reader",
        "identity",
        "number",
        "pairing",
        "relay_reader",
        "rows",
    )

    def __init__(
        self,
        number: int,
        identity: Identity,
        app: str | None,
        *,
        recorder: Recorder,
        apps: AppNames,
        clock: Clock,
        answer_timeout: float,
        now: float,
    ) -> None:
        self.number = number
        self.identity = identity
        self._recorder = recorder
        self._apps = apps
        self._clock = clock
        self._opened_at = clock.at(now)
        self._newest = 0
        self._delivered_at = now
        self._delivered_in = self._delivered_out = 0
        self._plain_in = self._plain_out = 0  # bytes that no reader saw
        self._tagged = False
        self.awake = True  # is swept
        self.client_reader: FrameReader | None = None
        self.relay_reader: FrameReader | None = None
        self.rows = Rows(recorder.event, number, identity.client, app=apps.admit(app), on_identity=self._authenticated)
        self.pairing = Pairing(self.rows, answer_timeout, on_client_tag=self._app_named)

    def begin(self, compression: Compression | None, limit: int, from_clients: Passed, from_relays: Passed) -> None:
        """The relay accepted the upgrade: from here on both directions carry frames, counted with those of others."""
        pairing = self.pairing
        self.client_reader = FrameReader(self._client_message, limit, passed=from_clients)
        self.relay_reader = FrameReader(pairing.relay_message, limit, pairing.relay_events, from_relays)
        if compression is not None:
            self.client_reader.inflater = Inflater(
                compression.client_window_bits, compression.client_no_context_takeover, limit
            )
            self.relay_reader.inflater = Inflater(
                compression.server_window_bits, compression.server_no_context_takeover, limit
            )

    def count_client(self, size: int) -> None:
        """Bytes of the client that are not read."""
        self._plain_in += size

    def count_relay(self, size: int) -> None:
        """Bytes of the relay that are not read."""
        self._plain_out += size

    def stop_reading(self, reason: str) -> None:
        """The relay's frames cannot be followed any more: what waits will not be answered here."""
        for reader in (self.client_reader, self.relay_reader):
            if reader is not None:
                reader.fail(reason)
        self.pairing.close()

    @property
    def is_websocket(self) -> bool:
        return self.client_reader is not None

    @property
    def close_code(self) -> int | None:
        readers = (self.client_reader, self.relay_reader)
        return next((each.close_code for each in readers if each is not None and each.close_code is not None), None)

    def sweep(self, now: float) -> bool:
        """Gives up answers that are overdue, and records the totals when it is time. Returns whether there is anything
        left to come back for, before more is read."""
        idle = self.pairing.is_idle
        if not idle:
            self.pairing.expire(now)
        if now - self._delivered_at >= DELIVERY_SECONDS:
            self._deliver(now)
        return not (idle and self.is_websocket and self._is_delivered)

    def close(self, now: float) -> None:
        """The connection ended: writes everything that is left to say."""
        for reader in (self.client_reader, self.relay_reader):
            if reader is not None:
                reader.finish()
        self.pairing.close()
        self._deliver(now)
        if self.is_websocket:
            bytes_in, bytes_out = self._totals()
            self._recorder.connection(
                Connection(
                    connection=self.number,
                    client=self.rows.client,
                    identity=self.identity.kind,
                    opened_at=self._opened_at,
                    closed_at=max(self._clock.at(now), self._opened_at),
                    close_code=self.close_code,
                    app=self.rows.app,
                    bytes_in=bytes_in,
                    bytes_out=bytes_out,
                    events=self.pairing.messages,
                )
            )
        # What knows this object lets go of it, so that it needs no garbage collector.
        self.client_reader = self.relay_reader = None
        self.rows.on_identity = self.pairing.on_client_tag = None

    def _totals(self) -> tuple[int, int]:
        client, relay = self.client_reader, self.relay_reader
        return (
            self._plain_in + (client.fed if client is not None else 0),
            self._plain_out + (relay.fed if relay is not None else 0),
        )

    def _beside_messages(self) -> tuple[int, int]:
        """Bytes in and out that belong to no message of the client."""
        client, relay = self.client_reader, self.relay_reader
        return (
            self._plain_in + (client.unread if client is not None else 0),
            self._plain_out + (relay.unread if relay is not None else 0) + self.pairing.other.wire,
        )

    @property
    def _is_delivered(self) -> bool:
        other = self.pairing.other
        delivered = (self._delivered_in, self._delivered_out)
        return not (other.events or other.notices) and self._beside_messages() == delivered

    def _deliver(self, now: float) -> None:
        self._delivered_at = now
        if self._is_delivered:
            return
        other = self.pairing.other
        total_in, total_out = self._beside_messages()
        self._recorder.delivery(
            Delivery(
                timestamp=self._clock.at(now),
                client=self.rows.client,
                connection=self.number,
                events_out=other.events,
                bytes_in=total_in - self._delivered_in,
                bytes_out=total_out - self._delivered_out,
                payload_out=other.payload,
                notices=other.notices,
            )
        )
        self._delivered_in, self._delivered_out = total_in, total_out
        other.events = other.payload = other.notices = 0

    def _client_message(self, payload: bytes | None, size: int, wire: int, now: float) -> None:
        at = int((now + self._clock.offset) * 1_000_000)  # `Clock.at`, without a call for each message
        # Messages of one read arrive at one instant; a microsecond apart they keep their order in the database.
        if 0 <= self._newest - at < SAME_READ:
            at = self._newest + 1
        self._newest = at
        self.pairing.client_message(payload, size, wire, now, at)

    def _authenticated(self, pubkey: str, now: float) -> None:
        """What was carried so far belongs to the earlier name."""
        self._deliver(now)
        self.identity = Identity(pubkey, "pubkey")

    def _app_named(self, name: str) -> None:
        if not self._tagged:
            self._tagged = True
            self.rows.app = self._apps.admit(name) or self.rows.app
            self.pairing.on_client_tag = None
