"""Sums per client of EVENT messages by their kind, over UTC days and blocks of 8 and 64 of them, packed; and who sent
any in each hour.

As `client_packs`, but a pack is one row: whose numbers they are, and a column of numbers per measure. It is made of the
hours that have ended, and what comes late is added to it: no row of a day has to be kept for that. A block that has not
ended holds its days that have, the pack of today its hours that have. Of a single hour only who sent any is packed.

An earlier version that folds while it is being replaced knows no packs. So every hour the days that have ended are
compared with `kind_day`, and those that hold other numbers of messages are packed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from core.storage.client_days import LENGTHS, NEVER
from core.storage.kind_columns import (
    KEYS,
    MEASURES,
    RT_UNIT,
    Columns,
    Packed,
    columns_from,
    columns_of,
    joined,
    packs_of,
    summed,
    taken,
)
from core.storage.rollups import CLIENT_KIND, DAY, unpacked_sql
from core.storage.spans import EPOCH, midnight

MARK = "client_kind_packs_before"
MARK_SQL = f"(SELECT (value #>> '{{}}')::timestamptz FROM settings_store WHERE name = '{MARK}')"  # noqa: S608
NAMES = ("client_no", *MEASURES)
ONE_HOUR, ONE_DAY = 1, 24
BLOCKS = tuple(ONE_DAY * length for length in LENGTHS)
"""Hours that a pack is of."""
AT_ONCE = 8
"""Days that one fold packs: a history that is older than the packs has many."""

HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)

SUMS = {name: f"sum({name})::bigint" for name in MEASURES} | {"rt_units": f"(sum(rt_sum) / {RT_UNIT})::bigint"}
READ = f"""
    SELECT (extract(epoch FROM bucket) / 3600)::bigint, kind, clients, {", ".join(NAMES)} FROM client_kind_pack"""  # noqa: S608
ADD = f"""
    INSERT INTO client_kind_pack (hours, bucket, kind, clients, messages, {", ".join(NAMES)})
    VALUES (%(hours)s, %(bucket)s, %(kind)s, %(clients)s, %(messages)s, {", ".join(f"%({name})s" for name in NAMES)})
    ON CONFLICT (hours, kind, bucket) DO UPDATE SET clients = excluded.clients, messages = excluded.messages,
        {", ".join(f"{name} = excluded.{name}" for name in NAMES)}"""  # noqa: S608 (our own names)
DIFFERING = f"""
    SELECT day, coalesce(sum(n), 0)::bigint FROM (
        SELECT day, kind, sum(n)::bigint AS n FROM kind_day WHERE day < %(today)s GROUP BY day, kind
    ) AS known FULL JOIN (
        SELECT {DAY.sql("bucket")} AS day, kind, messages FROM client_kind_pack
        WHERE hours = {ONE_DAY} AND bucket < %(today)s::date::timestamp AT TIME ZONE 'UTC'
    ) AS packed USING (day, kind)
    GROUP BY day HAVING bool_or(n IS DISTINCT FROM messages) ORDER BY day DESC LIMIT {AT_ONCE}"""  # noqa: S608 (our own words)


def packed_before(connection: psycopg.Connection[Any]) -> datetime:
    """The mark: hours before it are in packs."""
    row = connection.execute(f"SELECT {MARK_SQL}".encode()).fetchone()
    return row[0].astimezone(UTC) if row and row[0] else midnight(NEVER)


def late_sql(gone: str) -> str:
    """For the fold: what rows of `gone` (as client_kind_delta is stored) add to hours before the mark; for `build`."""
    late = unpacked_sql(CLIENT_KIND, f"(SELECT * FROM {gone} WHERE bucket < {MARK_SQL}) AS early")  # noqa: S608 (our own words)
    return _sent_sql(f"({late}) AS late")


def build(connection: psycopg.Connection[Any], late: Sequence[bytes], now: datetime) -> None:
    """Add late rows, as `late_sql` gives them, and what ended since the last call.

    Belongs in the transaction of the fold, after the merge.
    """
    known = packed_before(connection)
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    days, upto = _to_pack(connection, known, hour) if hour > known else ([], known)
    for_blocks = []
    if late and late[0] is not None:
        came = columns_of(late, (*KEYS, *MEASURES))
        _add_hours(connection, came)
        for_blocks.append(taken(came, came["hour"] < hour_of(midnight(known.date()))))
    for day in days:
        first, last = midnight(day), midnight(day) + A_DAY
        _add_hours(connection, hours_between(connection, max(first, known), min(last, upto)))
        if last <= upto:
            for_blocks.append(packs_between(connection, ONE_DAY, first, last))
    for hours in BLOCKS if for_blocks else ():
        _add(connection, joined(for_blocks), hours)
    if upto > known:
        connection.execute(
            "INSERT INTO settings_store VALUES (%s, to_jsonb(%s::timestamptz))"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [MARK, upto],
        )
        _mend(connection, upto.date())


def hours_between(connection: psycopg.Connection[Any], start: datetime, end: datetime) -> Columns:
    """What clients sent in [start, end), by hour and kind."""
    with connection.cursor(binary=True) as cursor:
        within = "client_kind_hour WHERE bucket >= %s AND bucket < %s"
        row = cursor.execute(f"SELECT {_sent_sql(within)}".encode(), [start, end]).fetchone()
    return columns_of(row[0] if row else [], (*KEYS, *MEASURES))


def packs_between(connection: psycopg.Connection[Any], hours: int, start: datetime, end: datetime) -> Columns:
    """What the packs of so many hours that begin in [start, end) hold; of single hours no measures."""
    where = "hours = %s AND bucket >= %s AND bucket < %s"
    return _read(connection, hours, where, [hours, start, end])


def hour_of(moment: datetime) -> int:
    """Hours since 1970."""
    return (moment - EPOCH) // HOUR


def _to_pack(connection: psycopg.Connection[Any], known: datetime, hour: datetime) -> tuple[list[date], datetime]:
    """The days with anything in [known, hour), as many as are packed at once, and up to when that is all."""
    # with what is not merged: a write may have come after the fold merged the kinds
    found = connection.execute(
        "SELECT DISTINCT day FROM kind_day_current WHERE day >= %s AND day <= %s ORDER BY day LIMIT %s",
        [known.date(), hour.date(), AT_ONCE + 1],
    )
    days = [day for (day,) in found.fetchall()]
    return days[:AT_ONCE], midnight(days[AT_ONCE]) if len(days) > AT_ONCE else hour


def _add_hours(connection: psycopg.Connection[Any], columns: Columns) -> None:
    """Add what was sent in hours to their days, and who sent it to the hours."""
    _add(connection, {name: columns[name] for name in KEYS}, ONE_HOUR)
    _add(connection, columns, ONE_DAY)


def _add(connection: psycopg.Connection[Any], columns: Columns, hours: int) -> None:
    """Add to the packs of so many hours."""
    added = summed(columns, hours)
    if not len(added["hour"]):
        return
    places = sorted(set(zip(added["hour"].tolist(), added["kind"].tolist(), strict=True)))
    buckets, kinds = [EPOCH + hour * HOUR for hour, _ in places], [kind for _, kind in places]
    where = "hours = %s AND (kind, bucket) IN (SELECT * FROM unnest(%s::integer[], %s::timestamptz[]))"
    stored = _read(connection, hours, where, [hours, kinds, buckets])
    rows = [
        dict.fromkeys(MEASURES)
        | {"hours": hours, "bucket": EPOCH + hour * HOUR, "kind": kind, "clients": clients, "messages": messages}
        | numbers
        for hour, kind, clients, messages, numbers in packs_of(summed(joined([stored, added]), hours))
    ]
    with connection.cursor() as cursor:
        cursor.executemany(ADD.encode(), rows)


def _mend(connection: psycopg.Connection[Any], today: date) -> None:
    """Pack days anew that hold other numbers of messages than are known, while all of their hours are kept."""
    for day, messages in connection.execute(DIFFERING.encode(), {"today": today}).fetchall():
        first = midnight(day)
        columns = hours_between(connection, first, first + A_DAY)
        if int(columns["n"].sum()) != messages:
            continue
        _forget(connection, (ONE_HOUR, ONE_DAY), first, first + A_DAY)
        _add_hours(connection, columns)
        for hours in BLOCKS:
            start = EPOCH + hour_of(first) // hours * hours * HOUR
            end = min(start + hours * HOUR, midnight(today))
            _forget(connection, (hours,), start, end)
            _add(connection, packs_between(connection, ONE_DAY, start, end), hours)


def _forget(connection: psycopg.Connection[Any], hours: Sequence[int], start: datetime, end: datetime) -> None:
    connection.execute(
        "DELETE FROM client_kind_pack WHERE hours = ANY(%s) AND bucket >= %s AND bucket < %s",
        [list(hours), start, end],
    )


def _read(connection: psycopg.Connection[Any], hours: int, where: str, parameters: Sequence[Any]) -> Columns:
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(f"{READ} WHERE {where}".encode(), parameters).fetchall()
    names = NAMES[:1] if hours == ONE_HOUR else NAMES
    return columns_from([Packed(row[0], row[1], row[2], row[3:]) for row in rows], names)


def _sent_sql(source: str) -> str:
    """The sums of rows by hour, kind and client, as an array of what `array_send` gives of each column."""
    arrays = ", ".join(f"array_send(array_agg({name}))" for name in (*KEYS, *MEASURES))
    sums = ", ".join(f"{sql} AS {name}" for name, sql in SUMS.items())
    return f"""(
        SELECT ARRAY[{arrays}] FROM (
            SELECT (extract(epoch FROM bucket) / 3600)::bigint AS hour, kind::bigint, client_no::bigint, {sums}
            FROM {source} GROUP BY bucket, kind, client_no
        ) AS summed)"""  # noqa: S608 (our own names)
