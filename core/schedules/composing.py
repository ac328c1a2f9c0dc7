"""A scheduled report as a message: its text, and in the form that the schedule asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from core.delivery.message import Attachment, Message
from core.documents.document import Document, document_of
from core.documents.html import as_mail
from core.documents.pdf import as_pdf
from core.export.payload import data_out, meta_out
from core.export.tables import AS_FILE, MEDIA_TYPES, as_workbook
from core.reports import REPORTS
from core.reports.declaration import Report, Result
from core.schedules.schedule import Schedule
from core.schedules.timing import Days, in_words

UNFIT = re.compile(r"[^a-z0-9]+")


def compose(schedule: Schedule, days: Days, result: Result, relay: str, at: datetime, late: str | None) -> Message:
    """The message of a result. `relay`: whose numbers these are; `at`: when the entry of the ledger was due."""
    plan = schedule.plan
    report = REPORTS[plan.report]
    document = document_of(report, result, plan.filters, relay, late)
    told = f"You get this by the schedule “{plan.name}” ({in_words(plan.cron)}, {plan.time_zone})."
    stem = f"{UNFIT.sub('-', plan.name.lower()).strip('-') or 'report'}_{days.first}_{days.last}"
    files: tuple[Attachment, ...] = ()
    if plan.file_format == "pdf":
        files = (Attachment(f"{stem}.pdf", "application/pdf", as_pdf(document, result, told=told)),)
    elif plan.file_format != "html":
        files = _files(report, result, plan.file_format, stem, plan.filters)
    html, images = as_mail(document, result if plan.file_format == "html" else None, told=told)
    return Message(
        subject=document.heading,
        text=_text(document, told),
        at=at,
        html=html,
        html_name=f"{stem}.html",
        attachments=(*images, *files),
        kind="report",
        data={
            "schedule": plan.name, "report": plan.report, "first_day": str(days.first), "last_day": str(days.last),
            "time_zone": plan.time_zone, "filters": dict(plan.filters),
            "facts": {fact.label: fact.value for fact in document.facts},
        },
    )  # fmt: skip


def _files(
    report: Report, result: Result, file_format: str, stem: str, filters: Mapping[str, Any]
) -> tuple[Attachment, ...]:
    """JSON as the API answers it, a workbook of all tables, or a CSV file for each table with rows."""
    if file_format == "json":
        body = {"data": data_out(result, report.tables), "meta": meta_out(result.meta, dict(filters), report.tables)}
        return (Attachment(f"{stem}.json", "application/json", msgspec.json.encode(body)),)
    if file_format == "xlsx":
        return (Attachment(f"{stem}.xlsx", MEDIA_TYPES["xlsx"], as_workbook(result.tables, report.tables)),)
    filled = [table for table in report.tables if not result[table.name].empty] or [report.tables[0]]
    return tuple(
        Attachment(f"{stem}_{table.name}.csv", MEDIA_TYPES["csv"], AS_FILE["csv"](result[table.name], table))
        for table in filled
    )


def _text(document: Document, told: str) -> str:
    """The headline numbers and what they cover, for readers without HTML."""
    lines = [f"{document.title}, {document.days}", *([document.relay] if document.relay else []), ""]
    lines += [document.late, ""] if document.late else []
    lines += [*document.filters, ""] if document.filters else []
    width = max((len(fact.label) for fact in document.facts), default=0)
    for fact in document.facts:
        change = f"  ({fact.change})" if fact.change else ""
        lines.append(f"{fact.label.ljust(width)}  {fact.value}{change}")
    if document.compared and document.facts:
        lines += ["", f"Changes are against {document.compared}."]
    lines += ["", *document.notes] if document.notes else []
    lines += [
        "",
        f"Days end at midnight in {document.zone}. {document.complete}",
        document.accuracy,
        told,
    ]
    return "\n".join(lines)
