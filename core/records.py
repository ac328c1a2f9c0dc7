"""What ingest measures and storage stores: plain values that travel tap → spool → database.

Byte counts come in two measures. `bytes_*` are **wire** bytes: what the network carried, frame headers and compression
included. `payload_*` are the bytes of the messages themselves, inflated. `in` is client → relay, `out` relay → client.
Every wire byte of a connection belongs to exactly one record: an `Event`, or the `Delivery` totals of the connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec

EventType = Literal["EVENT", "REQ", "COUNT", "CLOSE", "AUTH", "NEG-OPEN", "NEG-MSG", "NEG-CLOSE", "OTHER"]
"""The verb of a client message. `OTHER` is any message that is not one of the known verbs (malformed ones included)."""

Outcome = Literal["ok", "duplicate", "rejected", "failed", "unanswered", "cancelled", "abandoned", "unknown"]
"""How the relay answered: `rejected` (it said no), `failed` (it could not: `error:`), `unanswered` (nothing in time),
`cancelled` (the client closed the subscription first), `abandoned` (the connection ended before the answer), `unknown`
(an imported log does not tell)."""

ErrorCode = Literal[
    "pow", "blocked", "rate-limited", "invalid", "restricted", "mute", "error", "auth-required", "unsupported", "info",
    "closed", "bad-req", "count-failed", "replaced", "deleted", "unanswered", "other",
]  # fmt: skip
"""The normalised machine-readable prefix of a refusal; None when nothing went wrong. A duplicate is an outcome."""

EVENT_TYPES: tuple[str, ...] = get_args(EventType)
OUTCOMES: tuple[str, ...] = get_args(Outcome)
ERROR_CODES: tuple[str, ...] = get_args(ErrorCode)

RECORDS = ("event", "delivery", "connection", "sample")
"""The kinds of records, as counts name them."""

IdentityKind = Literal["pubkey", "key", "address"]
"""What names a client: an authenticated pubkey, a configured key, or a keyed hash of the address."""


class Event(msgspec.Struct, gc=False, array_like=True, omit_defaults=True):
    """One client message and how the relay answered it: a row of `traffic_events`."""

    timestamp: int  # microseconds since the Unix epoch, UTC, when the message arrived at the tap
    client: str  # client_id
    event_type: str  # one of EVENT_TYPES
    outcome: str  # one of OUTCOMES
    error_code: str | None = None  # one of ERROR_CODES
    response_time_ms: float | None = None  # None when there is no answer to wait for, or none came
    first_event_ms: float | None = None  # REQ: time to the first EVENT
    bytes_in: int = 0
    bytes_out: int = 0
    payload_in: int = 0
    payload_out: int = 0
    events_out: int = 0  # stored events a REQ delivered before its EOSE
    kind: int | None = None  # of an EVENT or AUTH, 0..65535
    event_id: bytes | None = None  # 32 bytes
    connection: int = 0
    app: str | None = None  # the client application, e.g. "Damus"
    metadata: dict[str, Any] | None = None  # see core.metadata for what is kept of it


class Delivery(msgspec.Struct, gc=False, array_like=True, omit_defaults=True):
    """What a connection carried beside its events since the last such record: live events, NOTICE, AUTH challenges,
    ping/pong, close frames, the handshake, frames that were not read."""

    timestamp: int  # microseconds since the Unix epoch, end of the period counted
    client: str
    connection: int
    events_out: int = 0  # EVENT frames after EOSE (live) or after CLOSE (late)
    bytes_in: int = 0
    bytes_out: int = 0
    payload_in: int = 0
    payload_out: int = 0
    notices: int = 0


class Connection(msgspec.Struct, gc=False, array_like=True, omit_defaults=True):
    """A connection that ended."""

    connection: int
    client: str  # the name at the end: a pubkey when the connection authenticated
    identity: str  # IdentityKind
    opened_at: int | None  # microseconds since the Unix epoch; None: unknown, as the numbers below (imported logs)
    closed_at: int
    close_code: int | None = None  # RFC 6455 §7.4; None when the TCP connection just ended
    app: str | None = None
    bytes_in: int | None = 0
    bytes_out: int | None = 0
    events: int | None = 0  # messages of the client


class Waiting(msgspec.Struct, gc=False, array_like=True, omit_defaults=True):
    """Messages that wait for their answer, on connections where one has waited for long."""

    event_type: str
    n: int
    client: str | None = None  # None: several, each with few
    app: str | None = None
    kind: int | None = None


class Sample(msgspec.Struct, gc=False, array_like=True, omit_defaults=True):
    """Once a second: what one tap worker carries, and (from the first worker only) how the host is doing."""

    timestamp: int  # microseconds since the Unix epoch, a whole second
    worker: int
    active_connections: int
    peak_connections: int  # highest number at once within the second
    opened: int  # connections opened within the second
    closed: int
    events: int  # client messages within the second
    frames_out: int  # frames from the relay within the second
    bytes_in: int  # wire bytes within the second
    bytes_out: int
    pending: int = 0  # messages that wait for their answer
    dropped: int = 0  # records dropped since the start because a bound was reached
    cpu_percent: float | None = None  # host, all cores, 0..100
    memory_percent: float | None = None
    memory_bytes: int | None = None
    disk_percent: float | None = None  # file system of DATA_DIR
    disk_bytes: int | None = None
    unreachable: int = 0  # times within the second that the relay could not be reached (a 502)
    waiting: list[Waiting] = []  # every few seconds, when messages wait for long


class Refusal(msgspec.Struct, array_like=True):
    """Records that were refused before they came here, or parts of them that were left out; for the quarantine."""

    record: str  # event, delivery, connection, sample
    reason: str
    refused: bool  # False: the record was taken without a part of it
    count: int
    sample: str  # what was wrong with the first one; never an address or content


class Counts(msgspec.Struct, array_like=True, omit_defaults=True):
    """What one run of a producer has received and dropped since it started, the records of this batch included.

    Cumulative, so that nothing has to arrive in order, and a batch that is lost takes no count with it.
    """

    worker: int
    started_at: int  # microseconds since the Unix epoch
    received: dict[str, int]  # how many of each of RECORDS
    dropped: dict[str, dict[str, int]] = {}  # reason → how many of each of RECORDS
    ended: bool = False  # the last batch of a run that stopped in order


class Batch(msgspec.Struct, array_like=True):
    """What is stored in one transaction, exactly once per (`source`, `sequence`)."""

    source: str  # "tap:<relay>:<worker>:<run>", "import:<file digest>", "collector:<run>"
    sequence: int  # grows by one within a source, from 1 on
    relay: str
    events: Sequence[Event]  # a list; as columns when it was read from a spool
    deliveries: list[Delivery]
    connections: list[Connection]
    samples: list[Sample]
    refusals: list[Refusal] = []
    made_at: int = 0  # microseconds since the Unix epoch
    counts: Counts | None = None  # None: the producer received what the batch holds, and drops nothing

    @property
    def id(self) -> str:
        """How log lines name it, from the tap to the database."""
        return f"{self.source}#{self.sequence}"

    @property
    def sizes(self) -> dict[str, int]:
        """How many of each of RECORDS it holds."""
        sizes = (len(self.events), len(self.deliveries), len(self.connections), len(self.samples))
        return dict(zip(RECORDS, sizes, strict=True))


encode_batch = msgspec.msgpack.Encoder().encode
decode_batch = msgspec.msgpack.Decoder(Batch).decode
