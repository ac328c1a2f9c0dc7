"""Integer results as columns."""

from __future__ import annotations

import pytest

from core.storage.database import Database
from core.storage.integers import fetch_integers


def test_rows_come_back_exactly(database: Database) -> None:
    query = "SELECT n, %(top)s::bigint - n FROM generate_series(1::bigint, 3) AS n"
    with database.connect() as connection:
        table = fetch_integers(connection, query, {"top": 2**63 - 1}, 2)
        assert table.tolist() == [[n, 2**63 - 1 - n] for n in (1, 2, 3)]
        assert table.dtype == "int64"
        assert fetch_integers(connection, "SELECT (-9223372036854775807)::bigint", {}, 1).tolist() == [[-(2**63) + 1]]


def test_no_rows_give_an_empty_table(database: Database) -> None:
    with database.connect() as connection:
        assert fetch_integers(connection, "SELECT 1::bigint, 2::bigint WHERE false", {}, 2).shape == (0, 2)


@pytest.mark.parametrize("column", ["1::integer", "NULL::bigint", "1.5::numeric", "'text'"])
def test_nulls_and_values_of_other_lengths_are_refused(column: str, database: Database) -> None:
    with database.connect() as connection, pytest.raises(ValueError, match="no bigint"):
        fetch_integers(connection, f"SELECT {column}", {}, 1)
