"""Documents: every report has one, it says what its numbers are, and nothing in it can break its page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.documents.document import document_of, is_empty
from core.documents.html import as_mail
from core.documents.selection import CHARTS, SELECTIONS
from core.documents.words import days_in_words
from core.reports import REPORTS
from core.schedules.schedule import schedulable
from core.storage.database import Database
from tests.support.traffic import messages, refusal, samples, write

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY: dict[str, Any] = {"start": "2026-03-10", "end": "2026-03-10", "now": NOON + timedelta(days=1)}


def test_every_report_that_can_be_scheduled_has_a_selection_of_what_it_has() -> None:
    assert set(SELECTIONS) == set(schedulable())
    for name, chosen in SELECTIONS.items():
        report = REPORTS[name]
        columns = {table.name: set(table.column_names) for table in report.tables}
        assert all(set(shown) <= columns[table] for table, shown in chosen.tables.items()), name
        source = "timeline" if chosen.summary == "comparison" else chosen.summary
        assert {*chosen.facts, chosen.about} <= columns[source], name
        assert set(report.charts) <= set(CHARTS), name


@pytest.mark.parametrize("name", SELECTIONS)
def test_every_report_becomes_a_mail_with_and_without_traffic(name: str, database: Database) -> None:
    filters = {"client": "address:<b>"} if name == "client" else {}
    events = [*messages(NOON, 5, client="address:<b>"), refusal(NOON, "<script>", client="address:<b>")]
    write(database, events, samples(NOON))
    for days in (DAY, DAY | {"start": "2026-03-01", "end": "2026-03-02"}):
        result = REPORTS[name](database, **days, **filters)
        document = document_of(REPORTS[name], result, filters, "relay <x>", "late & sorry")
        html, images = as_mail(document, result, told="You get this.")
        assert "<script>" not in html
        assert "address:<b>" not in html
        assert "relay &lt;x&gt;" in html
        assert "late &amp; sorry" in html
        assert ("Nothing happened" in html) == is_empty(result)
        assert {image.content_id for image in images} == {"logo", *(f"chart-{chart}" for chart in document.charts)}
        assert not re.search(r"\bnan\b", html, re.IGNORECASE)


def test_a_day_without_messages_is_empty_and_one_with_a_message_is_not(database: Database) -> None:
    write(database, messages(NOON, 1), samples(NOON))
    traffic = REPORTS["traffic"]
    assert not is_empty(traffic(database, **DAY))
    assert is_empty(traffic(database, **DAY | {"start": "2026-03-09", "end": "2026-03-09"}))
    assert is_empty(REPORTS["errors"](database, **DAY)), "a day without errors has none to report"


def test_a_document_says_what_its_numbers_are(database: Database) -> None:
    write(database, messages(NOON, 60), samples(DAY["now"]))
    result = REPORTS["traffic"](database, **DAY, time_zone="Europe/Berlin", event_type="REQ")
    document = document_of(REPORTS["traffic"], result, {"event_type": "REQ", "compare": True}, "relay.example", None)
    assert document.heading == "Traffic, Tuesday, 10 March 2026 · relay.example"
    assert document.filters == ("Event type: REQ",)
    assert document.complete == "Everything up to 11 Mar 2026 13:00 CET is counted."
    assert {fact.label: fact.value for fact in document.facts} == {
        "Events": "60", "Errors": "0", "Unanswered": "0", "Stored events sent": "0", "Traffic in": "12.0 kB",
        "Traffic out": "60.0 kB",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-02-01", "2026-02-28", "February 2026"),
        ("2026-03-02", "2026-03-08", "2 to 8 March 2026"),
        ("2026-02-23", "2026-03-01", "23 February to 1 March 2026"),
        ("2025-12-29", "2026-01-04", "29 December 2025 to 4 January 2026"),
        ("2026-03-29", "2026-03-29", "Sunday, 29 March 2026"),
    ],
)
def test_days_are_said_as_people_say_them(first: str, last: str, said: str, database: Database) -> None:
    meta = REPORTS["traffic"](database, start=first, end=last, now=NOON, time_zone="Europe/Berlin").meta
    assert days_in_words(meta) == said
