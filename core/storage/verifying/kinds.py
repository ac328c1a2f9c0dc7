"""The packs of clients by kind against the hours and days that they are made of (which are compared themselves)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

import psycopg

from core.storage import client_kind_packs as packs
from core.storage.kind_columns import KEYS, Columns, packs_of, summed, unpacked
from core.storage.spans import EPOCH
from core.storage.verifying.difference import Difference, day_of, kept_from


def packs_of_kinds(
    connection: psycopg.Connection[tuple[object, ...]], start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """Packs that begin in the UTC days around [start, end) and whose hours are kept."""
    mark = packs.packed_before(connection)
    lower = kept_from(connection, day_of(start), "client_kind_hour_from")
    upper = min(end, mark)
    return list(islice(_differing(connection, lower, upper, mark), limit))


def _differing(
    connection: psycopg.Connection[tuple[object, ...]], lower: datetime, upper: datetime, mark: datetime
) -> Iterator[Difference]:
    for first in _beginnings(connection, packs.ONE_DAY, lower, upper):
        last = first + packs.A_DAY
        hours = packs.hours_between(connection, first, min(last, mark))
        who = {name: hours[name] for name in KEYS}
        for length, recount in ((packs.ONE_HOUR, who), (packs.ONE_DAY, hours)):
            yield from _compared(length, packs.packs_between(connection, length, first, last), recount)
    today = day_of(mark)
    for length in packs.BLOCKS:
        size = length * packs.HOUR
        for first in _beginnings(connection, length, lower, upper):
            days = packs.packs_between(connection, packs.ONE_DAY, first, min(first + size, today))
            yield from _compared(length, packs.packs_between(connection, length, first, first + size), days)


def _beginnings(
    connection: psycopg.Connection[tuple[object, ...]], hours: int, lower: datetime, upper: datetime
) -> list[datetime]:
    """Of blocks of so many hours that have, or should have, packs."""
    found = connection.execute(
        "SELECT day::timestamp AT TIME ZONE 'UTC' FROM kind_day UNION"
        " SELECT bucket FROM client_kind_pack WHERE hours = %s ORDER BY 1",
        [packs.ONE_DAY],
    )
    whole = {packs.hour_of(day) // hours * hours for (day,) in found.fetchall() if isinstance(day, datetime)}
    first = (EPOCH + hour * packs.HOUR for hour in sorted(whole))
    return [moment for moment in first if lower <= moment < upper]


def _compared(hours: int, stored: Columns, recount: Columns) -> Iterator[Difference]:
    had, due = ({pack[:2]: pack for pack in packs_of(summed(columns, hours))} for columns in (stored, recount))
    for place in sorted(had.keys() | due.keys()):
        if had.get(place) != due.get(place):
            hour, kind = place
            sums = [
                {}
                if pack is None
                else {name: int(unpacked(numbers, pack[2]).sum()) for name, numbers in pack[4].items()}
                for pack in (had.get(place), due.get(place))
            ]
            names = sums[0].keys() | sums[1].keys()
            yield Difference(
                "client_kind_pack",
                (hours, EPOCH + hour * packs.HOUR, kind),
                {name: (sums[0].get(name), sums[1].get(name)) for name in sorted(names)},
            )
