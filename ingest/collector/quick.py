"""Reads a batch in which, as nearly always, nothing is wrong: all records at once.

A sender uses few of the fields, and always the same. So a decoder is made for just those that a source has sent: it
reads them in four fifths of the time, and says that no other has to be looked at. A field that is new is learned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import GenericAlias
from typing import Any, NamedTuple

import msgspec

from ingest.collector.records import Fields

MOST_DECODERS = 256
"""Kept at once. Each source needs one; those of sources with the same fields are the same."""
NULL = msgspec.Raw(b"null")


class QuickRecord(Fields, gc=False, forbid_unknown_fields=True):
    """As `Record`, with what is read once for many records left as it is: metadata and texts of times."""

    timestamp: str | float | None = None
    metadata: msgspec.Raw = NULL


class Decoders(NamedTuple):
    """For records of certain fields. Each raises ValueError or RecursionError when it meets anything else."""

    order: tuple[str, ...]
    fields: frozenset[str]
    lines: Callable[[bytes], Sequence[Any]]
    message: Callable[[bytes | str], Any]
    """Gives a value with `records`."""


@lru_cache(MOST_DECODERS)
def decoders(order: tuple[str, ...]) -> Decoders:
    """For records with some of these fields, quickest when they come in this order."""
    known = {field.name: field for field in msgspec.structs.fields(QuickRecord)}
    fields = [(name, known[name].type, known[name].default) for name in order]
    record = msgspec.defstruct("Record", fields, gc=False, forbid_unknown_fields=True)
    parts = [("batch", str), ("records", GenericAlias(list, (record,)))]
    message = msgspec.defstruct("Message", parts, gc=False, forbid_unknown_fields=True)
    lines, whole = msgspec.json.Decoder(record).decode_lines, msgspec.json.Decoder(message).decode
    return Decoders(order, frozenset(order), lines, whole)


class _Names(msgspec.Struct, gc=False):
    records: list[dict[str, msgspec.Raw]]


ALL = decoders(QuickRecord.__struct_fields__)
NAMES = Decoders(
    (), frozenset(), msgspec.json.Decoder(dict[str, msgspec.Raw]).decode_lines, msgspec.json.Decoder(_Names).decode
)
"""Tell which fields there are."""


class Quick(NamedTuple):
    """The records of a batch that can all be read, and the fields that some of them have."""

    records: Sequence[QuickRecord]
    fields: frozenset[str]

    def by_relay(self, default: str) -> Mapping[str, Sequence[QuickRecord]]:
        """The records of each relay; of `default` those that name none."""
        if "relay" not in self.fields:
            return {default: self.records} if self.records else {}
        names = {record.relay or default for record in self.records}
        if len(names) == 1:
            return dict.fromkeys(names, self.records)
        found: dict[str, list[QuickRecord]] = defaultdict(list)
        for record in self.records:
            found[record.relay or default].append(record)
        return found


@dataclass(slots=True)
class Reader:
    """Reads the batches of one source, and learns what fields it sends."""

    decoders: Decoders = field(default=decoders(()))

    def read(self, way: Callable[[Decoders], Sequence[Any]]) -> Quick | None:
        """The records of a batch, to which `way` uses a decoder; None when some cannot be read."""
        try:
            return Quick(way(self.decoders), self.decoders.fields)
        except (ValueError, RecursionError):
            pass
        try:
            records = way(ALL)
        except (ValueError, RecursionError):
            return None
        self._learn(way(NAMES))
        return Quick(records, ALL.fields)

    def _learn(self, records: Sequence[Mapping[str, msgspec.Raw]]) -> None:
        names = dict.fromkeys(name for record in records for name in record)
        self.decoders = decoders((*self.decoders.order, *(name for name in names if name not in self.decoders.fields)))
