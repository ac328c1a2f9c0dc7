"""A relay's history around a month with a change of clocks, and its usage asked of the records themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pandas as pd
from hypothesis import strategies as st

from core.records import Delivery, Event
from core.tariffs import read_tariff
from tests.reports import oracle
from tests.support.records import micros

USAGE = (
    "accepted", "duplicate", "rejected", "reqs", "counts", "delivered", "bytes_in", "bytes_out", "payload_in",
    "payload_out",
)  # fmt: skip
LATER = datetime(2027, 1, 1, tzinfo=UTC)
TARIFF = read_tariff(
    '{"currency": "EUR", "monthly_fee": "5.00", "per_gb_in": "0.01", "per_million_events": "1.50",'
    ' "per_gb_out": [{"up_to_gb": 100, "price": "0.05"}, {"price": "0.03"}], "per_million_reqs": "0.75",'
    ' "per_million_delivered": "0.333"}'
)
EVERYTHING = st.tuples(oracle.HISTORY, oracle.DELIVERIES)


def used(
    history: Sequence[Event], delivered: Sequence[Delivery], zone: str, first: date, last: date
) -> dict[str, dict[str, int]]:
    """Usage of each client on the days `first` to `last` of the zone, both included."""
    inside = oracle.of_days(oracle.carried(history, delivered, zone), first, last)
    found = {}
    for client, records in inside.groupby("client"):
        published = records[records["event_type"] == "EVENT"]["outcome"]
        numbers = {
            "accepted": int((published == "ok").sum()),
            "duplicate": int((published == "duplicate").sum()),
            "rejected": int((published == "rejected").sum()),
            "reqs": int((records["event_type"] == "REQ").sum()),
            "counts": int((records["event_type"] == "COUNT").sum()),
            "delivered": total(records["events_out"]),
            **{name: total(records[name]) for name in ("bytes_in", "bytes_out", "payload_in", "payload_out")},
        }
        if any(numbers.values()):
            found[str(client)] = numbers
    return found


def total(values: pd.Series) -> int:
    return sum(int(value) for value in values)


def at(
    day: int, hour: int = 12, client: str = "alice", event_type: str = "EVENT", month: int = 3, **fields: int
) -> Event:
    moment = datetime(2026, month, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=hour)
    return Event(micros(moment), client, event_type, "ok", **fields)  # type: ignore[arg-type]
