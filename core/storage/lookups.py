"""Names ↔ small integers: relays, clients, apps, and the fixed lists.

Numbers are dense (a client's is a bit position in active_hour): they are handed out under a lock, never by a sequence,
which would leave gaps at every conflict and rollback.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

LOCK = 7_130_002
MOST_SMALL_NAMES = 32_000
"""Relays and apps have smallint numbers; further ones share the name OTHER_NAME."""
OTHER_NAME = "(other)"
MOST_CACHED = 1_000_000

FIXED = {
    "event_types": "event_type_id",
    "outcomes": "outcome_id",
    "error_codes": "error_code_id",
}


class Lookups:
    """The numbers a writer has met. What was learned in a transaction that failed must be forgotten: `forget`."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.clients: dict[str, int] = {}
        self.relays: dict[str, int] = {}
        self.apps: dict[str, int] = {}
        self.identities: dict[int, str] = {}
        self._forgotten: tuple[int] | None = None

    @staticmethod
    def forgotten(connection: psycopg.Connection[Any]) -> psycopg.Cursor[tuple[int]]:
        """How many clients have been forgotten ever.

        To be asked in a transaction that holds the ledger's lock, which keeps clients from being forgotten.
        """
        return connection.execute("SELECT count(*) FROM forgotten_clients")

    def keep_current(self, forgotten: psycopg.Cursor[tuple[int]]) -> None:
        """Forget what was learned when a client was forgotten since: its name must get a new number."""
        row = forgotten.fetchone()
        if self._forgotten != row:
            self.forget()
            self._forgotten = row

    @staticmethod
    def fixed_lists(connection: psycopg.Connection[Any]) -> dict[str, dict[str, int]]:
        """The fixed lists, which never change while a program runs: table → name → number."""
        return {
            table: dict(connection.execute(sql.SQL("SELECT name, {} FROM {}").format(
                sql.Identifier(column), sql.Identifier(table))).fetchall())
            for table, column in FIXED.items()
        }  # fmt: skip

    def find_small(self, connection: psycopg.Connection[Any], table: str, column: str, names: Iterable[str]) -> None:
        """Learn the numbers of relays or apps, numbering new ones."""
        cache = self.relays if table == "relays" else self.apps
        missing = sorted({name for name in names if name not in cache})
        if not missing:
            return
        place = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
        select = sql.SQL("SELECT name, {column} FROM {table} WHERE name = ANY(%s)").format(**place)
        cache |= dict(connection.execute(select, [missing]).fetchall())
        if any(name not in cache for name in missing):
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            cache |= dict(connection.execute(select, [[*missing, OTHER_NAME]]).fetchall())
            top = connection.execute(
                sql.SQL("SELECT coalesce(max({column}), 0) FROM {table}").format(**place)
            ).fetchone()
            number = int(top[0]) if top else 0
            insert = sql.SQL("INSERT INTO {table} ({column}, name) VALUES (%s, %s)").format(**place)
            for name in missing:
                if name in cache:
                    continue
                if number >= MOST_SMALL_NAMES and OTHER_NAME in cache:
                    cache[name] = cache[OTHER_NAME]
                    continue
                stored = name if number < MOST_SMALL_NAMES else OTHER_NAME
                number += 1
                connection.execute(insert, [number, stored])
                cache[stored] = cache[name] = number

    def find_clients(
        self, connection: psycopg.Connection[Any], names: Collection[str], first_seen: Callable[[], Mapping[str, int]]
    ) -> list[int]:
        """The numbers of clients, in the order of their names; new ones are numbered.

        `first_seen` gives the first time of each client in this write, in microseconds since the Unix epoch; it is
        asked only when there are new ones.
        """
        if len(self.clients) > MOST_CACHED:
            self.clients.clear()
        try:
            return list(map(self.clients.__getitem__, names))
        except KeyError:
            missing = sorted({name for name in names if name not in self.clients})
            self._learn_clients(connection, missing, first_seen)
        return list(map(self.clients.__getitem__, names))

    def _learn_clients(
        self, connection: psycopg.Connection[Any], missing: list[str], first_seen: Callable[[], Mapping[str, int]]
    ) -> None:
        select = "SELECT client_id, client_no FROM clients WHERE client_id = ANY(%s)"
        self.clients |= dict(connection.execute(select, [missing]).fetchall())
        unknown = [name for name in missing if name not in self.clients]
        if not unknown:
            return
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        self.clients |= dict(connection.execute(select, [unknown]).fetchall())
        new = [name for name in unknown if name not in self.clients]
        first = first_seen()
        made = connection.execute(
            """INSERT INTO clients (client_no, client_id, identity, first_seen)
               SELECT (SELECT coalesce(max(client_no), -1) FROM clients) + place, name,
                      CASE WHEN name ~ '^[0-9a-f]{64}$' THEN 'pubkey' WHEN name LIKE 'key:%%' THEN 'key'
                           ELSE 'address' END,
                      timestamptz 'epoch' + first * interval '1 us'
               FROM unnest(%s::text[], %s::bigint[]) WITH ORDINALITY AS new (name, first, place)
               RETURNING client_id, client_no""",
            [new, [first[name] for name in new]],
        )
        self.clients |= dict(made.fetchall())

    def note_identities(self, connection: psycopg.Connection[Any], identities: Mapping[int, str]) -> None:
        """Record what names these clients (pubkey, key, address), where it is news."""
        news = {number: kind for number, kind in identities.items() if self.identities.get(number) != kind}
        if not news:
            return
        numbers = sorted(news)
        # Locked in the order of the fold, so that the two never wait for each other in a circle.
        connection.execute("SELECT 1 FROM clients WHERE client_no = ANY(%s) ORDER BY client_no FOR UPDATE", [numbers])
        connection.execute(
            "UPDATE clients SET identity = news.kind FROM unnest(%s::integer[], %s::text[]) AS news (number, kind)"
            " WHERE client_no = news.number AND identity <> news.kind",
            [numbers, [news[number] for number in numbers]],
        )
        if len(self.identities) > MOST_CACHED:
            self.identities.clear()
        self.identities |= news
