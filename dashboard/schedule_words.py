"""Words of schedules on pages: what they cover, when they come, how an entry of the ledger stands."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from core.reports import REPORTS
from core.schedules.ledger import State
from core.schedules.schedule import Plan
from core.schedules.timing import LAST_DAYS, Days

FORMATS = {
    "html": "Mail with charts", "pdf": "PDF", "csv": "CSV files", "xlsx": "Excel workbook", "json": "JSON",
}  # fmt: skip
STATES: dict[State, str] = {
    "waiting": "○ Waiting", "running": "◔ Running", "delivered": "● Delivered", "failed": "✕ Failed",
    "skipped-empty": "– Nothing to send", "superseded": "– Superseded",
}  # fmt: skip


def covers(plan: Plan) -> str:
    """`the last 30 days`."""
    found = LAST_DAYS.fullmatch(plan.covers)
    if found:
        return f"the last {found[1]} days" if int(found[1]) > 1 else "the last day"
    return {"yesterday": "the day before", "last-week": "the week before", "last-month": "the month before"}[
        plan.covers
    ]


def what(plan: Plan) -> str:
    """`Traffic of the month before`."""
    return f"{REPORTS[plan.report].title} of {covers(plan)}"


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """`Sun 1 Mar, 06:00`."""
    return f"{at.astimezone(zone):%a %-d %b, %H:%M}" if at else "–"


def days(covered: Days) -> str:
    """`1 to 28 Feb 2026`."""
    first, last = covered.first, covered.last
    if first == last:
        return f"{first:%-d %b %Y}"
    same = (first.year, first.month) == (last.year, last.month)
    return f"{first:%-d} to {last:%-d %b %Y}" if same else f"{first:%-d %b %Y} to {last:%-d %b %Y}"
