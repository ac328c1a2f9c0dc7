"""The name of a forgotten client on closed bills: replaced, while amounts and checks stay.

The checksums of entries are made of the original checksums of their lines, which stay; so what an operator kept outside
the database still matches. The line itself gets another one, of what it says now.
"""

from __future__ import annotations

from typing import Any

import psycopg

from core.billing.checksums import erased_checksum
from core.billing.lines import FIELDS


def billed_in(connection: psycopg.Connection[Any], client_no: int) -> list[tuple[int, int]]:
    """(period, number of the adjustment, 0: the closing) of the lines that name the client."""
    return connection.execute(
        "SELECT period_id, number FROM billing_lines WHERE client_no = %s ORDER BY 1, 2", [client_no]
    ).fetchall()


def named_in_reasons(connection: psycopg.Connection[Any], client_id: str) -> list[tuple[int, int]]:
    """Adjustments whose reason, a text written by hand and frozen with them, holds the name."""
    return connection.execute(
        "SELECT period_id, number FROM billing_adjustments WHERE position(%s IN reason) > 0 ORDER BY 1, 2", [client_id]
    ).fetchall()


def erase_name(connection: psycopg.Connection[Any], client_no: int, tombstone: str) -> int:
    """Put another name on all lines of a client, in the caller's transaction; returns how many."""
    rows = connection.execute(
        f"""SELECT period_id, number, checksum, {", ".join(FIELDS)} FROM billing_lines
            WHERE client_no = %s FOR UPDATE""".encode(),  # noqa: S608 (our own names)
        [client_no],
    ).fetchall()
    for period_id, number, checksum, *numbers in rows:
        connection.execute(
            "UPDATE billing_lines SET client_id = %s, erased_checksum = %s"
            " WHERE period_id = %s AND number = %s AND client_no = %s",
            [tombstone, erased_checksum(period_id, number, tombstone, numbers, checksum), period_id, number, client_no],
        )
    return len(rows)
