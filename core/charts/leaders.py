"""Charts of single clients: who leads, what they are billed, and when one of them is active."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from core.charts.shares import pattern, ranked
from core.formats import BYTES_AXIS, COUNT_AXIS, count, size

if TYPE_CHECKING:
    from core.reports.declaration import Result

MOST_BARS = 15
SHORT = 22
"""Characters of a client_id that a label shows whole."""


def clients(result: Result) -> alt.Chart:
    """The messages of the clients listed first."""
    found = result["clients"].head(MOST_BARS)
    total = max(int(result["clients"]["events"].sum()), 1)
    rows = _bars(found, found["events"], [count(value) for value in found["events"]], total)
    return ranked(rows, "Client")


def billing(result: Result) -> alt.Chart:
    """The dearest bills, in units of the currency; without a tariff the clients with the most bytes."""
    found = result["clients"].head(MOST_BARS)
    period, totals = result["period"].iloc[0], result["totals"].iloc[0]
    if pd.isna(period["currency"]):
        carried = found["bytes_in"] + found["bytes_out"]
        whole = max(int(totals["bytes_in"] + totals["bytes_out"]), 1)
        return ranked(_bars(found, carried, [size(value) for value in carried], whole), "Client", BYTES_AXIS)
    cost = found["cost"].astype("float64") / 10 ** int(period["decimals"])
    tips = [f"{value:,.{int(period['decimals'])}f} {period['currency']}" for value in cost]
    whole_cost = float(totals["cost"]) / 10 ** int(period["decimals"])
    return ranked(_bars(found, cost, tips, whole_cost or 1), "Client", COUNT_AXIS)


def active_hours(result: Result, height: int = 300) -> alt.Chart:
    """When one client is active: messages by weekday and hour, the mean of the hours in which it sent any."""
    rows = result["pattern"]
    return pattern(rows.assign(value=rows["events"] / rows["active_hours"].clip(lower=1)), height)


def _bars(found: pd.DataFrame, values: pd.Series, tips: list[str], whole: float) -> pd.DataFrame:
    """Rows of `ranked`: `values` of the clients `found`, and their parts of `whole`. No two bars have one name."""
    ids = found["client_id"]
    short = ids.where(ids.str.len() <= SHORT, ids.str.slice(0, 12) + "…" + ids.str.slice(-6))
    names = found["name"].fillna(short)
    return pd.DataFrame(
        {
            "key": found["client_id"],
            "name": names.where(~names.duplicated(keep=False), ids),
            "value": values,
            "tip": tips,
            "share": values / whole,
        }
    )
