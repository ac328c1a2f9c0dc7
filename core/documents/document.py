"""A result as what a document says: headline numbers, charts by name, tables of text. Plain values, no markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd

from core import formats
from core.documents.selection import SELECTIONS, TABLES, TIMELINES, Selection
from core.documents.words import ZONED, Words, days_in_words
from core.export.tables import values
from core.reports.column_types import type_of
from core.reports.declaration import Column, Meta, Report, Result, Table
from core.reports.frame import REACHES_AHEAD

MOST_ROWS = 400
"""Rows of a table in a document; longer ones say how many there are."""
NOTHING = "Nothing happened in these days."
RISKS = frozenset({"errors", "unanswered"})
"""Measures of which more is worse."""


@dataclass(frozen=True)
class Fact:
    """A headline number; `change` against the period before, and whether that is a turn for the worse."""

    label: str
    value: str
    change: str | None = None
    worse: bool = False


@dataclass(frozen=True)
class Grid:
    """A table: heads, whether each column holds numbers, rows of text; `total`: how many there are in all."""

    title: str
    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int


@dataclass(frozen=True)
class Document:
    """`charts`: names of charts of the result; `filters` and `notes`: sentences; `complete`: up to when all is counted;
    `late`: why it comes later than it was due."""

    title: str
    days: str
    zone: str
    relay: str
    facts: tuple[Fact, ...]
    compared: str | None
    charts: tuple[str, ...]
    grids: tuple[Grid, ...]
    filters: tuple[str, ...]
    notes: tuple[str, ...]
    complete: str
    generated: str
    accuracy: str
    demo: bool
    late: str | None = None

    @property
    def heading(self) -> str:
        """What a mail is called."""
        whose = f" · {self.relay}" if self.relay else ""
        return f"{'Demo: ' if self.demo else ''}{self.title}, {self.days}{whose}"


def document_of(report: Report, result: Result, filters: Mapping[str, Any], relay: str, late: str | None) -> Document:
    """What a document says of a result asked for with `filters`. `relay`: whose numbers these are, or nothing."""
    meta, words = result.meta, Words(result.meta, result.meta.granularity, _currency(result))
    chosen = SELECTIONS[report.name]
    tables = {table.name: table for table in report.tables}
    notes = [note for note in meta.warnings if note != REACHES_AHEAD]
    nothing = is_empty(result)
    notes += [NOTHING] if nothing else []
    compared = tables.get("comparison") is not None and not result["comparison"].empty
    before = result["comparison"].iloc[0] if compared else None
    return Document(
        title=report.title,
        days=days_in_words(meta),
        zone=meta.time_zone,
        relay=relay,
        facts=_facts(result, tables, words),
        compared=None if before is None else _before(before["previous_start"], before["previous_end"]),
        charts=() if nothing else tuple(name for name in result.charts if _drawable(name, result)),
        grids=tuple(
            _grid(tables[name], columns, result, words)
            for name, columns in chosen.tables.items()
            if not nothing and not result[name].empty
        ),
        filters=tuple(f"{name.replace('_', ' ').capitalize()}: {value}" for name, value in _said(filters).items()),
        notes=tuple(notes),
        complete=_complete(meta),
        generated=_instant(meta.generated_at, meta.start),
        accuracy="All numbers are exact." if meta.exact else f"Percentiles are within {meta.error_bound or 0:.2%}.",
        demo=meta.demo,
        late=late,
    )


def is_empty(result: Result) -> bool:
    """Whether nothing of what the report is about happened: no message, no client, no error."""
    chosen = SELECTIONS[result.meta.report]
    frame = _headline(result, chosen)
    counted = pd.to_numeric(frame[chosen.about], errors="coerce").fillna(0)
    return bool(frame.empty or not counted.iloc[0] > 0)


def _said(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters that limit what is counted, not how much is listed or whether it is compared."""
    return {name: value for name, value in filters.items() if not isinstance(value, bool) and name not in _HOW_MUCH}


_HOW_MUCH = ("granularity", "limit", "offset", "top", "peaks", "latest", "cohort", "sort")


def _facts(result: Result, tables: Mapping[str, Table], words: Words) -> tuple[Fact, ...]:
    chosen = SELECTIONS[result.meta.report]
    frame = _headline(result, chosen)
    table = "timeline" if chosen.summary == "comparison" else chosen.summary
    columns = {column.name: column for column in tables[table].columns}
    changes: dict[str, float | None] = {}
    if "comparison" in tables:
        changes = dict(zip(result["comparison"]["measure"], result["comparison"]["change"], strict=True))
    if frame.empty:
        return ()
    found = _plain(frame, [columns[name] for name in chosen.facts])
    facts = [
        _fact(columns[name], value, changes.get(name), words) for name, value in zip(chosen.facts, found, strict=True)
    ]
    if {"events", "errors"} == set(chosen.facts):
        events, errors = (float(frame.iloc[0][name]) for name in chosen.facts)
        facts.append(Fact("Error rate", formats.percent(100 * errors / events if events else None)))
    return tuple(fact for fact in facts if fact.value != formats.MISSING)


def _headline(result: Result, chosen: Selection) -> pd.DataFrame:
    """The row that the headline numbers are in."""
    if chosen.summary in ("comparison", "timeline"):
        return pd.DataFrame([result["timeline"][list(chosen.facts)].sum()])
    return result[chosen.summary].head(1)


def _fact(column: Column, value: Any, change: float | None, words: Words) -> Fact:
    said = formats.relative(change)
    worse = column.name in RISKS and change is not None and change == change and change > 0.1
    label = words.title(column)
    if column.name in ("bytes_in", "bytes_out"):
        label = {"bytes_in": "Traffic in", "bytes_out": "Traffic out"}[column.name]
    return Fact(label, words.cell(column, value), said, worse)


def _plain(frame: pd.DataFrame, columns: list[Column]) -> list[Any]:
    table = Table("facts", "", tuple(columns))
    return [column[0] for column in values(frame, table)]


def _grid(table: Table, names: Sequence[str], result: Result, words: Words) -> Grid:
    frame = result[table.name]
    words = replace(words, bucket="hour") if table.name == "peak_hours" else words
    columns = [next(column for column in table.columns if column.name == name) for name in names]
    cells = [
        [words.cell(column, value) for value in found]
        for column, found in zip(columns, values(frame.head(MOST_ROWS), Table("", "", tuple(columns))), strict=True)
    ]
    filled = [place for place, found in enumerate(cells) if any(cell != formats.MISSING for cell in found)]
    return Grid(
        title=TABLES.get(table.name) or TIMELINES.get(result.meta.granularity or "", "Over time"),
        heads=tuple(words.title(columns[place]) for place in filled),
        numeric=tuple(_is_number(columns[place]) for place in filled),
        rows=tuple(zip(*(cells[place] for place in filled), strict=True)),
        total=_total(table.name, result),
    )


def _is_number(column: Column) -> bool:
    return type_of(column) in ("integer", "number") and column.name not in ("kind", "rank", "number")


def _total(table: str, result: Result) -> int:
    """How many rows there would be without the limit of a list."""
    known = {"clients": ("summary", "clients"), "billing": ("totals", "clients")}
    listed = len(result[table])
    if table != "clients" or result.meta.report not in known:
        return listed
    name, column = known[result.meta.report]
    return max(listed, int(result[name].iloc[0][column]))


def _drawable(name: str, result: Result) -> bool:
    """Whether a chart would show something: cohorts need some, and a grid of hours some messages."""
    needs = {"retention": "cohorts", "active_hours": "pattern", "session_lengths": "session_lengths"}
    return not result[needs[name]].empty if name in needs else not result.frame.empty


def _currency(result: Result) -> str | None:
    for name in ("period", "summary"):
        if name in result.tables and "currency" in result[name].columns and not result[name].empty:
            found = result[name].iloc[0]["currency"]
            return None if pd.isna(found) else str(found)
    return None


def _instant(moment: datetime, of_zone: datetime) -> str:
    local = moment.astimezone(of_zone.tzinfo)
    return f"{local.strftime(ZONED)} {formats.zone_label(local)}"


def _complete(meta: Meta) -> str:
    if meta.complete_up_to is None:
        return "How far the numbers reach is not known: nothing was sampled."
    return f"Everything up to {_instant(meta.complete_up_to, meta.start)} is counted."


def _before(start: datetime, end: datetime) -> str:
    first, last = f"{start:%-d %b %Y}", f"{end - pd.Timedelta(microseconds=1):%-d %b %Y}"
    return first if first == last else f"{first} to {last}"
