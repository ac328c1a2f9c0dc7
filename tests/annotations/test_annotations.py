"""Annotations: what people add, and what is found by itself, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core import annotations as noted
from core import audit
from core.audit import Actor
from core.exceptions import BadParameterError, UnknownAnnotationError
from core.storage.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN = Actor("ann", "page")


def texts(database: Database, start: datetime = NOW - HOUR, end: datetime = NOW + HOUR) -> list[str]:
    return [one.text for one in noted.listing(database, start, end)]


def test_what_reaches_into_a_range_is_listed_in_order_of_time(database: Database) -> None:
    noted.add(database, ANN, "  later \n one ", NOW, at=NOW + HOUR / 2, kind="deploy")
    noted.add(database, ANN, "outage", NOW, at=NOW - 5 * HOUR, until=NOW - HOUR / 2)
    noted.add(database, ANN, "at its end", NOW, at=NOW + HOUR)
    noted.add(database, ANN, "over before", NOW, at=NOW - 5 * HOUR, until=NOW - 2 * HOUR)
    assert texts(database) == ["outage", "later one"]
    assert [one.text for one in noted.listing(database, NOW - HOUR, NOW + HOUR, ["deploy"])] == ["later one"]


def test_who_added_and_removed_is_on_record(database: Database) -> None:
    made = noted.add(database, ANN, "wrong", NOW)
    noted.remove(database, Actor("ben", "command"), made.annotation_id, NOW)
    assert texts(database) == []
    assert [(entry.actor, entry.action) for entry in audit.entries(database)] == [
        ("ben", "annotation.remove"),
        ("ann", "annotation.add"),
    ]
    with pytest.raises(UnknownAnnotationError):
        noted.remove(database, ANN, made.annotation_id, NOW)


def test_what_is_found_by_itself_is_there_once_and_stays_removed(database: Database) -> None:
    def found(until: datetime) -> bool:
        with database.borrow() as connection:
            return noted.note(connection, "run:1", "restarted", NOW, at=NOW, until=until)

    assert found(NOW + HOUR)
    assert not found(NOW + 2 * HOUR)
    (one,) = noted.listing(database, NOW, NOW + HOUR)
    assert (one.until, one.author, one.kind) == (NOW + 2 * HOUR, "relay-analytics", "restart")
    noted.remove(database, ANN, one.annotation_id, NOW)
    assert not found(NOW + HOUR)
    assert texts(database) == []


@pytest.mark.parametrize(
    ("text", "until", "kind"),
    [("", None, "note"), ("x" * 201, None, "note"), ("x", -HOUR, "note"), ("x", None, "party")],
)
def test_what_cannot_be_one_is_refused(text: str, until: timedelta | None, kind: str, database: Database) -> None:
    with pytest.raises(BadParameterError):
        noted.add(database, ANN, text, NOW, until=None if until is None else NOW + until, kind=kind)
