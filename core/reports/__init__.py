"""Every report: `from core import reports; reports.traffic(start="2026-01-01", end="2026-01-31").frame`.

Calling a report runs it, without further arguments on the configured database; its declaration has the columns.
"""

from core.reports.bandwidth import bandwidth
from core.reports.billing import billing
from core.reports.client import client
from core.reports.clients import clients
from core.reports.connections import connections
from core.reports.errors import errors
from core.reports.ingest import ingest
from core.reports.realtime import realtime
from core.reports.response_times import response_times
from core.reports.shapes import shapes
from core.reports.traffic import traffic
from core.reports.users import users

REPORTS = {
    report.name: report
    for report in (
        realtime,
        traffic,
        users,
        bandwidth,
        response_times,
        shapes,
        errors,
        connections,
        clients,
        client,
        billing,
        ingest,
    )
}

__all__ = [
    "REPORTS",
    "bandwidth",
    "billing",
    "client",
    "clients",
    "connections",
    "errors",
    "ingest",
    "realtime",
    "response_times",
    "shapes",
    "traffic",
    "users",
]
