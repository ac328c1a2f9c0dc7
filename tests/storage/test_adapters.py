"""Values that reports send and read arrive as they are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from core.storage.database import Database


@pytest.mark.parametrize(
    ("sql_type", "values"),
    [
        ("integer[]", [1, -2, None]),
        ("integer[]", []),
        ("text[]", ['a "b"', "c\\d", "{e,f}", "", "NULL", None, "ü,'"]),
        ("timestamptz[]", [datetime(2026, 3, 29, 1, tzinfo=UTC)]),
        ("date[]", [date(2026, 3, 29)]),
        ("float8[]", [0.1, 1e300]),
        ("boolean[]", [True, False]),
    ],
)
def test_a_list_arrives_as_the_array_it_is_cast_to(sql_type: str, values: list[Any], database: Database) -> None:
    with database.borrow() as connection:
        row = connection.execute(f"SELECT %(values)s::{sql_type}".encode(), {"values": values}).fetchone()
    assert row == (values,)


def test_a_list_takes_the_type_of_what_it_is_compared_with(database: Database) -> None:
    with database.borrow() as connection:
        rows = connection.execute("SELECT name FROM event_types WHERE name = ANY(%s)", [["EVENT", "none"]]).fetchall()
    assert rows == [("EVENT",)]


def test_other_elements_are_refused(database: Database) -> None:
    with database.borrow() as connection, pytest.raises(TypeError, match="bytes"):
        connection.execute("SELECT %s::bytea[]", [[b"1"]])


def test_a_real_is_read_as_its_text_says_it(database: Database) -> None:
    with database.borrow() as connection:
        row = connection.cursor(binary=True).execute("SELECT 12.3::real").fetchone()
    assert row == (12.3,)
