"""The billing report: usage and cost per client of a period; of a closed one what was frozen, and the changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.billing.adjusting import unadjusted
from core.billing.costs import priced
from core.billing.entries import ClosedPeriod, closed_periods, frozen
from core.billing.periods import Day, billing_period, months_of
from core.billing.usage import usage
from core.exceptions import HoursGoneError
from core.periods import Period
from core.reports import frame as framing
from core.reports.billing_tables import (
    ADJUSTMENTS,
    CLIENTS,
    PERIOD,
    TOTALS,
    UNADJUSTED,
    adjustments_table,
    lines_table,
    period_table,
    totals_table,
)
from core.reports.configured import Configured, tariff_of
from core.reports.declaration import Parameter, Report, Result
from core.reports.frame import Frame
from core.reports.query import Rows
from core.sql import load
from core.storage.database import Database
from core.tariffs import Tariff

LIMIT, MOST = 100, 100_000
NO_TARIFF = (
    'No tariff is set, so there are no costs: set TARIFF, for example {"currency": "EUR", "per_gb_out": "0.05"}; '
    "see docs/billing.md."
)

NOT_KNOWN = (
    "Hours of this period are not kept any more: whether anything was counted after its closing, and not adjusted yet, "
    "cannot be told."
)


def run(
    database: Database,
    now: datetime,
    start: Day | None = None,
    end: Day | None = None,
    month: str | None = None,
    time_zone: str = "UTC",
    client: str | None = None,
    limit: int = LIMIT,
    tariff: Tariff | Configured | None = "configured",
) -> Result:
    """Bills of a period. Raises BadParameterError, HoursGoneError for an open one whose hours are gone, and
    DatabaseUnavailableError."""
    period = billing_period(start, end, month, time_zone)
    framing.checked_count("limit", limit, MOST)
    with database.borrow() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        name, parameters = framing.newest_query(now)
        newest = connection.execute(load(name), parameters).fetchall()
        every = closed_periods(connection)
        closed = next((one for one in every if (one.start, one.end) == (period.start, period.end)), None)
        prices = tariff_of(tariff) if closed is None else closed.tariff
        nothing: Rows = []
        gone: list[str] = []
        if closed is None:
            bills = priced(usage(connection, period.start, period.end, client), prices, months_of(period))
            parts, adjusted, open_ = [("usage", bills)], nothing, bills.dearest(0)
        else:
            bills = frozen(connection, closed.period_id, adjustments=False, client=client)
            later = frozen(connection, closed.period_id, adjustments=True, client=client)
            try:
                open_ = unadjusted(connection, closed, (bills, later), client)
            except HoursGoneError:
                open_, gone = bills.dearest(0), [NOT_KNOWN]
            parts = [("frozen", bills), ("adjustments", later), ("unadjusted", open_)]
            asked = {"period_id": closed.period_id, "client": client, "limit": limit}
            adjusted = connection.execute(load("billing_adjustments"), asked).fetchall()
        listed, open_listed = bills.dearest(limit), open_.dearest(limit)
        numbers = {"numbers": [*listed.clients.tolist(), *open_listed.clients.tolist()]}
        names = {row[0]: row[1:] for row in connection.execute(load("clients_named"), numbers).fetchall()}
    zone = period.zone
    with_costs = prices is not None
    meta = framing.meta(
        "billing", Frame(period, time_zone), database, now, newest, notes=_notes(period, closed, every, prices) + gone
    )
    return Result(
        replace(meta, granularity=None),
        {
            "clients": lines_table(listed, names, with_costs=with_costs),
            "totals": totals_table(parts, with_costs=with_costs),
            "adjustments": adjustments_table(adjusted, zone, with_costs=with_costs),
            "unadjusted": lines_table(open_listed, names, with_costs=with_costs),
            "period": period_table(closed, prices, zone),
        },
    )


def _notes(
    period: Period, closed: ClosedPeriod | None, every: Sequence[ClosedPeriod], prices: Tariff | None
) -> list[str]:
    notes = []
    if prices is None:
        notes.append(NO_TARIFF if closed is None else "The period was closed without a tariff, so it has no costs.")
    if closed is None:
        notes += [
            f"Part of it was closed as period {one.period_id}, {one}; the numbers here are counted anew."
            for one in every
            if one.start < period.end and period.start < one.end
        ]
    return notes


billing = Report(
    name="billing",
    title="Billing",
    meaning="Usage and cost per client of a period; of a closed period what was frozen and what was adjusted since",
    parameters=(
        Parameter("start", "first day, in the time zone, or an instant; or give `month`"),
        Parameter("end", "last day, included, or the instant before which the period ends; or give `month`"),
        Parameter("month", "a calendar month of the time zone, `YYYY-MM`, instead of start and end"),
        framing.TIME_ZONE,
        Parameter("client", "only the bill of the client of this client_id"),
        Parameter("limit", f"how many lines each table lists, 1 to {MOST}; totals are of all", LIMIT),
    ),
    tables=(CLIENTS, TOTALS, ADJUSTMENTS, UNADJUSTED, PERIOD),
    run=run,
    charts={"billing": "core.charts.leaders:billing"},
)
