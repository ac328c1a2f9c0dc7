"""How values travel between reports and PostgreSQL, where psycopg's own way is slow or not what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from struct import Struct
from typing import Any

import numpy as np
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format

_FLOAT4 = Struct(">f")
PLAIN = frozenset({int, float, date, datetime})
"""Types whose text is what PostgreSQL reads."""


class _ShortestReal(Loader):
    """A `real` as its text form says it: 12.3 shall not become 12.300000190734863."""

    format = Format.BINARY

    def load(self, data: Buffer) -> float:
        return float(str(np.float32(_FLOAT4.unpack(data)[0])))


class _Array(Dumper):
    """A list as PostgreSQL writes an array, of the type that the query casts it to: buckets of a quarter are a thousand
    elements, on each of which psycopg's own form spends as long as the query on its rows."""

    format = Format.TEXT
    oid = 0

    def dump(self, obj: Sequence[Any]) -> bytes:
        written = str if PLAIN.issuperset(map(type, obj)) else _element
        return f"{{{','.join(map(written, obj))}}}".encode()


def _element(value: Any) -> str:
    if isinstance(value, int | float | date):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if value is None:
        return "NULL"
    raise TypeError(f"an array of {type(value).__name__} is not written here")


def adapt(connection: psycopg.Connection[Any]) -> None:
    """Use these forms on a connection of a report."""
    connection.adapters.register_dumper(list, _Array)
    connection.adapters.register_loader("float4", _ShortestReal)
