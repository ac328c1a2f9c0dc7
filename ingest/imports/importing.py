"""Stores what a file holds: in order, in batches that are the same at every attempt, each exactly once.

A batch is named by the digest of the content and its place in it, so an import that was interrupted anywhere, or is
repeated, stores what is missing and nothing twice. A file that grew since is known by its beginning.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO
from zoneinfo import ZoneInfo

from core.exceptions import ImportFileError
from core.records import Batch, Connection, Delivery, Event
from core.settings import Settings
from core.storage.ahead import ahead
from core.storage.connections import Database
from core.storage.fold import fold
from core.storage.prepared import Prepared
from core.storage.writer import BatchWriter, WriteResult
from ingest.imports import content as contents
from ingest.imports import known, steps
from ingest.imports.formats import FORMATS, detect, reader_for
from ingest.imports.known import Bad, Segment
from ingest.imports.lines import Row
from ingest.imports.naming import Naming
from ingest.imports.steps import Step

BATCH_ROWS = 10_000
"""Never changed: where batches begin decides what counts as stored."""
FOLD_ROWS = 250_000
"""The memory of a fold grows with what it folds: this keeps an import below 400 MiB, however long the file is."""
HEAD = 64 * 1024
LINES_BETWEEN_REPORTS = 2_000

Progress = Callable[[int, int], None]
"""Told the position in the file (bytes as they lie on the disk) and the lines read."""


@dataclass
class Summary:
    """What became of a file. `taken`: records stored now, by kind; `before`: records stored by an earlier attempt."""

    name: str
    file_format: str
    lines: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    before: int = 0
    refused: int = 0
    """Records that the storage refused: see the table `quarantine`."""
    passed_over: Counter[str] = field(default_factory=Counter)
    bad: dict[str, Bad] = field(default_factory=dict)
    known_bytes: int = 0
    """Bytes at the beginning that were imported before."""
    incomplete: int = 0
    """Bytes of a last line that has no end yet."""
    nothing_new: bool = False

    @property
    def bad_lines(self) -> int:
        return sum(one.count for one in self.bad.values())


@dataclass
class _Group:
    """What is stored in one transaction; `last` of its segment."""

    segment: Segment
    batches: list[Batch]
    last: bool
    counts: dict[str, int] = field(default_factory=dict)
    bad: dict[str, Bad] = field(default_factory=dict)


class Importer:
    """Imports files into one database. `relay` names the relay of logs; our own exports name theirs."""

    def __init__(
        self, database: Database, settings: Settings, *, relay: str | None = None, zone: ZoneInfo | None = None,
        file_format: str | None = None, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        if file_format is not None and file_format not in FORMATS:
            raise ImportFileError(f"Format {file_format!r} is unknown; use one of {', '.join(FORMATS)}.")
        self._database = database
        self._settings = settings
        self._relay = relay
        self._zone = zone or settings.zone
        self._format = file_format
        self._clock = clock
        self._since_fold = 0

    def run(self, name: str, progress: Progress = lambda position, lines: None) -> Summary:
        """Import one file (`-`: standard input).

        Raises ImportFileError, DatabaseUnavailableError, and psycopg's error when the database cannot store it now;
        what was stored by then stays, and the next call goes on there.
        """
        with contents.raw_file(name) as raw:
            return self._run(raw, name, progress)

    def _run(self, raw: BinaryIO, name: str, progress: Progress) -> Summary:
        with contents.damage_named(name):
            file_format = self._format or detect(contents.uncompressed(raw).read(HEAD))
        if file_format is None:
            raise ImportFileError(f"{name} has none of the formats {', '.join(FORMATS)}; give it with --format.")
        is_log = file_format in ("strfry", "nginx")
        relay = (self._relay or self._settings.relay_name) if is_log else None
        if is_log and relay is None:
            raise ImportFileError("A log does not say whose it is: name the relay with --relay or RELAY_NAME.")
        scan = contents.scan(contents.uncompressed(raw), name, known.sizes(self._database), is_log=is_log)
        segments = known.segments(self._database, scan, relay)
        summary = Summary(name, file_format, incomplete=scan.incomplete)
        summary.known_bytes = sum(segment.end - segment.start for segment in segments if segment.finished)
        summary.nothing_new = all(segment.finished for segment in segments) or scan.whole.size == 0
        if summary.nothing_new:
            return summary
        for segment in segments:
            known.begin(self._database, segment, file_format, relay, self._now())
        if file_format == "parquet":
            found = steps.of_parquet(raw, scan.whole.size)
        else:
            reader = reader_for(file_format, Naming(self._settings, self._clock()), self._zone)
            ends = [segment.end for segment in segments]
            found = steps.of_lines(contents.uncompressed(raw), reader, scan.whole.size, ends)
        with BatchWriter(self._database) as writer, contents.damage_named(name):
            self._store(writer, self._groups(found, segments, relay, summary, raw, progress), summary)
        fold(self._database, self._now())
        return summary

    def _groups(
        self, found: Iterator[Step], segments: list[Segment], relay: str | None, summary: Summary, raw: BinaryIO,
        progress: Progress,
    ) -> Iterator[_Group]:  # fmt: skip
        """The steps of unfinished segments as groups; those of finished ones only explain what follows."""
        place, gathering = 0, _Gathering(segments[0], relay)
        number = 0
        for step in found:
            while step.end > segments[place].end:
                if not segments[place].finished:
                    yield gathering.group(last=True)
                place += 1
                gathering = _Gathering(segments[place], relay)
            if step.number != number:
                number = step.number
                summary.lines = number
                if number % LINES_BETWEEN_REPORTS == 0:
                    progress(raw.tell(), number)
            if not segments[place].finished:
                gathering.add(step, summary)
                if gathering.rows >= BATCH_ROWS:
                    yield gathering.group(last=False)
        yield gathering.group(last=True)
        progress(contents.size_of(raw), number)

    def _store(self, writer: BatchWriter, groups: Iterator[_Group], summary: Summary) -> None:
        def prepare(group: _Group) -> Prepared:
            return writer.prepare(group.batches)

        with closing(ahead(groups, prepare)) as prepared_groups:
            for group, prepared in prepared_groups:
                if group.batches:
                    self._count(writer.store(prepared.result()), group, summary)
                if group.last:
                    known.finish(self._database, group.segment, group.counts, group.bad, self._now())
                if self._since_fold >= FOLD_ROWS:
                    self._since_fold = 0
                    fold(self._database, self._now())

    def _count(self, result: WriteResult, group: _Group, summary: Summary) -> None:
        new = {"events": result.events, "connections": result.connections, "deliveries": result.deliveries}
        summary.taken.update({kind: count for kind, count in new.items() if count})
        skipped = set(result.skipped)
        summary.before += sum(
            len(batch.events) + len(batch.connections) + len(batch.deliveries)
            for batch in group.batches
            if (batch.source, batch.sequence) in skipped
        )
        summary.refused += result.refused
        self._since_fold += sum(new.values())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


class _Gathering:
    """Rows of one segment, on their way into batches: one a relay, numbered within the segment."""

    def __init__(self, segment: Segment, relay: str | None) -> None:
        self._segment = segment
        self._relay = relay
        self._sequences: Counter[str] = Counter()
        self._batches: dict[str, Batch] = {}
        self._events: dict[str, list[Event]] = {}  # of each of the batches
        self._counts = Counter[str](lines=0, taken=0, bad=0)
        self._bad: dict[str, Bad] = {}
        self._line = 0
        self.rows = 0

    def add(self, step: Step, summary: Summary) -> None:
        if step.number != self._line:
            self._line = step.number
            self._counts["lines"] += 1
        if step.bad:
            self._counts["bad"] += 1
            for bad in (self._bad, summary.bad):
                bad.setdefault(step.bad, Bad(0, step.number, step.sample)).count += 1
        if step.passed_over:
            summary.passed_over[step.passed_over] += 1
        for row in step.rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        relay = row.relay or self._relay or "unknown"
        batch = self._batches.get(relay)
        if batch is None:
            source = self._segment.source if row.relay is None else f"{self._segment.source}:{relay}"
            self._sequences[relay] += 1
            events = self._events[relay] = []
            batch = self._batches[relay] = Batch(source, self._sequences[relay], relay, events, [], [], [])
        match row.record:
            case Event():
                self._events[relay].append(row.record)
            case Connection():
                batch.connections.append(row.record)
            case Delivery():
                batch.deliveries.append(row.record)
        self._counts["taken"] += 1
        self.rows += 1

    def group(self, *, last: bool) -> _Group:
        batches, self._batches, self.rows = list(self._batches.values()), {}, 0
        return _Group(self._segment, batches, last, dict(self._counts), dict(self._bad))
