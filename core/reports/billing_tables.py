"""The tables of the billing report: their columns, and their rows from lines of bills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.billing.entries import ClosedPeriod
from core.billing.lines import AMOUNTS, FIELDS, USAGE, Lines
from core.reports.declaration import Column, Table
from core.reports.query import Rows
from core.tariffs import Tariff
from core.tariffs.currencies import EXPONENTS

MINOR = "minor units"
USED = (
    Column("accepted", "EVENTs the relay accepted (outcome ok)", "events"),
    Column("duplicate", "EVENTs it had already", "events"),
    Column("rejected", "EVENTs it refused", "events"),
    Column("reqs", "REQs", "messages"),
    Column("counts", "COUNTs", "messages"),
    Column("delivered", "events delivered, stored and live", "events"),
    Column("bytes_in", "wire bytes from the client", "bytes"),
    Column("bytes_out", "wire bytes to the client", "bytes"),
    Column("payload_in", "payload bytes from the client", "bytes"),
    Column("payload_out", "payload bytes to the client", "bytes"),
)
COSTS = (
    Column("base_fee", "monthly fee, by the calendar months covered; null without a tariff, as all costs", MINOR),
    Column("cost_in", "bytes in", MINOR),
    Column("cost_out", "bytes out", MINOR),
    Column("cost_events", "accepted EVENTs", MINOR),
    Column("cost_reqs", "REQs", MINOR),
    Column("cost_delivered", "events delivered", MINOR),
)
CREDIT = Column("credit", "given by hand; negative in the client's favour", MINOR)
COST = Column("cost", "sum of the costs before it", MINOR)
CLIENT = (
    Column("client_id", "name of the client"),
    Column("name", "its name for people, where it has one"),
    Column("identity", "what names it: pubkey, key or address"),
)

CLIENTS = Table(
    "clients",
    "a line per client, highest cost first, then most bytes; of a closed period as it was frozen",
    (*CLIENT, *USED, *COSTS, COST),
)
TOTALS = Table(
    "totals",
    "sums over all clients, also those not listed: `usage` of an open period; `frozen`, `adjustments` and `unadjusted`"
    " (counted since and in no adjustment yet) of a closed one",
    (Column("part", "what is summed"), Column("clients", "how many clients", "clients"), *USED, *COSTS, CREDIT, COST),
)
ADJUSTMENTS = Table(
    "adjustments",
    "lines of the adjustments of a closed period, the newest first; numbers are differences",
    (
        Column("number", "number of the adjustment"),
        Column("made_at", "when it was made"),
        Column("manual", "whether it is a credit given by hand"),
        Column("reason", "why"),
        CLIENT[0],
        *USED,
        *COSTS,
        CREDIT,
        COST,
    ),
)
UNADJUSTED = Table(
    "unadjusted",
    "what usage and cost of a closed period are now beyond what is frozen, per client",
    (*CLIENT, *USED, *COSTS, COST),
)
PERIOD = Table(
    "period",
    "one row: whether the period is closed, and by what tariff it is charged",
    (
        Column("state", "open or closed"),
        Column("period_id", "number of the closed period"),
        Column("closed_at", "when it was closed"),
        Column("currency", "of the costs"),
        Column("decimals", "of the currency: 2 when the minor unit is a hundredth"),
        Column("tariff", "as JSON"),
        Column("checksum", "SHA-256 of what was frozen, hexadecimal"),
    ),
)


def lines_table(lines: Lines, names: Mapping[int, Sequence[Any]], *, with_costs: bool) -> pd.DataFrame:
    """Lines in their order; `names`: client number → (client_id, name, identity)."""
    called = [names[number] for number in lines.clients.tolist()]
    labels = {column.name: pd.array([row[place] for row in called], dtype="str") for place, column in enumerate(CLIENT)}
    amounts = {name: _costs(lines.column(name), with_costs=with_costs) for name in AMOUNTS[:-1]}
    cost = _costs(lines.cost, with_costs=with_costs)
    return pd.DataFrame({**labels, **{name: lines.column(name) for name in USAGE}, **amounts, "cost": cost})


def totals_table(parts: Sequence[tuple[str, Lines]], *, with_costs: bool) -> pd.DataFrame:
    sums = [lines.totals() for _, lines in parts]
    return pd.DataFrame(
        {
            "part": pd.array([name for name, _ in parts], dtype="str"),
            "clients": np.array([len(lines) for _, lines in parts], dtype=np.int64),
            **{name: np.array([one[name] for one in sums], dtype=np.int64) for name in USAGE},
            **{name: _costs([one[name] for one in sums], with_costs=with_costs) for name in AMOUNTS},
            "cost": _costs([sum(one[name] for name in AMOUNTS) for one in sums], with_costs=with_costs),
        }
    )


def adjustments_table(rows: Rows, zone: ZoneInfo, *, with_costs: bool) -> pd.DataFrame:
    """`rows`: of the query `billing_adjustments`."""
    table = np.array([row[5:] for row in rows], dtype=np.int64).reshape(-1, len(FIELDS))
    columns = {name: table[:, place] for place, name in enumerate(FIELDS)}
    made = pd.DatetimeIndex([row[1] for row in rows], dtype="datetime64[us, UTC]").tz_convert(zone)
    return pd.DataFrame(
        {
            "number": np.array([row[0] for row in rows], dtype=np.int64),
            "made_at": made,
            "manual": np.array([row[2] for row in rows], dtype=bool),
            "reason": pd.array([row[3] for row in rows], dtype="str"),
            "client_id": pd.array([row[4] for row in rows], dtype="str"),
            **{name: columns[name] for name in USAGE},
            **{name: _costs(columns[name], with_costs=with_costs) for name in AMOUNTS},
            "cost": _costs(table[:, len(USAGE) :].sum(axis=1), with_costs=with_costs),
        }
    )


def period_table(closed: ClosedPeriod | None, tariff: Tariff | None, zone: ZoneInfo) -> pd.DataFrame:
    closed_at = [] if closed is None else [closed.closed_at]
    return pd.DataFrame(
        {
            "state": pd.array(["open" if closed is None else "closed"], dtype="str"),
            "period_id": pd.array([None if closed is None else closed.period_id], dtype="Int64"),
            "closed_at": pd.DatetimeIndex(closed_at or [None], dtype="datetime64[us, UTC]").tz_convert(zone),
            "currency": pd.array([None if tariff is None else tariff.currency], dtype="str"),
            "decimals": pd.array([None if tariff is None else EXPONENTS[tariff.currency]], dtype="Int64"),
            "tariff": pd.array([None if tariff is None else tariff.source], dtype="str"),
            "checksum": pd.array([None if closed is None else closed.checksum.hex()], dtype="str"),
        }
    )


def _costs(values: Sequence[int] | np.typing.NDArray[np.int64], *, with_costs: bool) -> Any:
    return pd.array(values if with_costs else [None] * len(values), dtype="Int64")
