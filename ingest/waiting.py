"""What waits long for an answer, by app, client, verb and kind: known before any of it has a row.

Found from the oldest messages of each connection, because it is asked for just when a tap has the least time for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from core.records import Waiting
from ingest.conversation import Conversation

LONG_SECONDS = 3.0
"""A message that waits for longer is worth telling of before its time is over."""
LOOKED_AT = 20
"""Messages of a connection by which all that wait on it are judged."""
MOST_ROWS = 40
"""Of named clients; and of all others together."""

Key = tuple[str | None, str | None, str, int | None]
"""App, client, verb, kind."""


def overdue(conversations: Iterable[Conversation], now: float) -> list[Waiting]:
    """What waits on connections whose oldest message has waited for long. `now` is a monotonic clock in seconds."""
    found: Counter[Key] = Counter()
    for conversation in conversations:
        rows = conversation.rows
        for (event_type, kind), n in conversation.pairing.overdue(now - LONG_SECONDS, LOOKED_AT).items():
            found[rows.app, rows.client, event_type, kind] += n
    ranked = found.most_common()
    others: Counter[Key] = Counter()
    for (app, _, event_type, kind), n in ranked[MOST_ROWS:]:
        others[app, None, event_type, kind] += n
    told = ranked[:MOST_ROWS] + others.most_common(MOST_ROWS)
    return [Waiting(event_type, n, client, app, kind) for (app, client, event_type, kind), n in told if n]
