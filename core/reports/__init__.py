"""Every report: `from core.reports import realtime`. Calling a report runs it; its declaration has the columns."""

from core.reports.realtime import realtime

REPORTS = {report.name: report for report in (realtime,)}

__all__ = ["REPORTS", "realtime"]
