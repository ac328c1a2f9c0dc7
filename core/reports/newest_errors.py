"""The newest errors of a range, with their details, from raw rows: roll-ups by the hour say which of them to look at.

To plan a query over the raw rows of a quarter takes longer than to read them: each day is a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from core.periods import Period
from core.reports.query import Read, Rows

HOUR = timedelta(hours=1)


def newest_errors_ahead(
    read: Read, period: Period, limit: int, *, client_no: int | None = None, event_type: str | None = None,
    kind: int | None = None, error_code: str | None = None,
) -> Callable[[], Rows]:  # fmt: skip
    """At most `limit`, the newest first, as rows of the query `errors_latest`; what is returned waits for them.

    The period begins and ends on whole hours. A client's errors are kept by code only: `client_no` excludes
    `event_type` and `kind`."""
    asked = {"client_no": client_no, "event_type": event_type, "kind": kind, "error_code": error_code, "limit": limit}
    hours = [row[0] for row in read("errors_latest_hours", asked | {"start": period.start, "end": period.end})]
    if not hours or limit == 0:
        return list
    span = {"buckets": hours, "start": hours[-1], "end": hours[0] + HOUR}
    return read.ahead("errors_latest" if client_no is None else "errors_latest_of_client", asked | span)
