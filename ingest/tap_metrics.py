"""What a tap worker reports of itself: its counters as readings of declared metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.clock import monotonic
from ingest.metrics import Reading, reading

if TYPE_CHECKING:
    from ingest.tap import Tap


def tap_report(tap: Tap) -> list[Reading]:
    """Everything at this moment, since the start of the process."""
    counters, recorder = tap.observer.counters, tap.recorder
    return [
        reading("tap_connections", counters.active),
        reading("tap_connections_opened", counters.opened),
        reading("tap_connections_closed", counters.closed),
        reading("tap_http_requests", counters.http),
        reading("tap_refused", counters.bad, "400"),
        reading("tap_refused", counters.late, "408"),
        reading("tap_refused", counters.unreachable, "502"),
        reading("tap_refused", counters.refused, "503"),
        reading("tap_bad_proxy_headers", counters.proxy_headers),
        *(reading("tap_messages", count, *names) for names, count in recorder.answered.items() if count),
        reading("tap_pending", tap.observer.pending()),
        reading("tap_frames_out", counters.relay.frames),
        reading("tap_bytes", counters.client.bytes, "in"),
        reading("tap_bytes", counters.relay.bytes, "out"),
        reading("tap_oversized", counters.client.oversized + counters.relay.oversized),
        reading("tap_unread_connections", counters.unreadable, "unreadable"),
        reading("tap_unread_connections", counters.overloaded, "overloaded"),
        reading("tap_unread_connections", counters.failures, "failure"),
        reading("recorder_held", recorder.held),
        reading("recorder_lag_seconds", recorder.lag(monotonic())),
        reading("recorder_dropped", recorder.dropped),
    ]
