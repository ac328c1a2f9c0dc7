"""`relay-analytics import`: traffic from files."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from cli.database import Demo, opened
from core.exceptions import ImportFileError
from core.periods import zone_of
from core.settings import get_settings
from ingest.imports import importing
from ingest.imports.content import STDIN
from ingest.imports.formats import FORMATS
from ingest.imports.importing import Importer, Summary

SOME_LINES_BAD = 3
"""Exit code: everything that can be read is stored, some lines cannot."""
INTERRUPTED = 130
SECONDS_BETWEEN_LINES = 5.0

Files = Annotated[list[str], typer.Argument(help="Files, gzip and zstd too; - is standard input.", metavar="FILE…")]
Format = Annotated[
    str | None, typer.Option("--format", help=f"One of {', '.join(FORMATS)}. Default: told by the content.")
]
Relay = Annotated[str | None, typer.Option(help="Relay that a log belongs to. Default: the setting RELAY_NAME.")]
Zone = Annotated[str | None, typer.Option(help="Clock of strfry's log (IANA zone). Default: the setting TIME_ZONE.")]


def import_(
    files: Files, file_format: Format = None, relay: Relay = None, time_zone: Zone = None, demo: Demo = None
) -> None:
    """Import our own exports, strfry logs and nginx access logs. Safe to repeat and to interrupt.

    Exit code 3: some lines cannot be read; they are counted, and kept in the table quarantine.
    """
    settings = get_settings()
    zone: ZoneInfo = settings.zone if time_zone is None else zone_of(time_zone)
    bad = 0
    with opened(demo) as database:
        importer = Importer(database, settings, relay=relay, zone=zone, file_format=file_format)
        for name in files:
            try:
                with _progress(name) as progress:
                    summary = importer.run(name, progress)
            except KeyboardInterrupt:
                print(f"{name}: interrupted; the same command goes on where it stopped.", file=sys.stderr)
                raise typer.Exit(INTERRUPTED) from None
            print("\n".join(told(summary)))
            bad += summary.bad_lines
    if bad:
        raise typer.Exit(SOME_LINES_BAD)


def told(summary: Summary) -> Iterator[str]:
    """The summary of a file in lines for people."""
    if summary.nothing_new:
        yield f"{summary.name}: imported before; nothing new in it."
    else:
        stored = ", ".join(f"{count:,} {kind}" for kind, count in sorted(summary.taken.items())) or "nothing"
        yield f"{summary.name} ({summary.file_format}): {summary.lines:,} lines, {stored} stored."
        if summary.known_bytes:
            yield f"  its first {summary.known_bytes:,} bytes were imported before"
        if summary.before:
            yield f"  {summary.before:,} records had been stored by an earlier attempt"
        for reason, count in summary.passed_over.most_common():
            yield f"  {count:,} passed over: {reason}"
        if summary.refused:
            yield f"  {summary.refused:,} records refused; the table quarantine says why"
        for reason, one in sorted(summary.bad.items(), key=lambda item: -item[1].count):
            yield f"  {one.count:,} cannot be read: {reason}; the first is line {one.first:,}: {one.sample}"
    if summary.incomplete:
        yield f"  its last line ({summary.incomplete:,} bytes) has no end yet and is left for the next import"


@contextmanager
def _progress(name: str) -> Iterator[importing.Progress]:
    """A bar on a terminal, a line every few seconds elsewhere."""
    if name != STDIN and not Path(name).exists():
        raise ImportFileError(f"There is no file {name}.")
    size = 0 if name == STDIN else Path(name).stat().st_size
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(name, size)
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]} lines/s"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=size or None, rate="0")
        started = time.monotonic()

        def advance(position: int, lines: int) -> None:
            rate = lines / max(time.monotonic() - started, 1e-3)
            bar.update(task, completed=position, rate=f"{rate:,.0f}")

        yield advance


class _Lines:
    """Progress as lines of text."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._started = self._told = time.monotonic()

    def __call__(self, position: int, lines: int) -> None:
        now = time.monotonic()
        if now - self._told < SECONDS_BETWEEN_LINES:
            return
        self._told = now
        print(progress_line(self._name, position, self._size, lines, now - self._started), file=sys.stderr)


def progress_line(name: str, position: int, size: int, lines: int, seconds: float) -> str:
    """How far an import is, how fast, and how long it will take."""
    rate = f"{name}: {lines:,} lines, {lines / max(seconds, 1e-3):,.0f} lines/s"
    if not size or not position:
        return rate
    left = seconds * (size - position) / position
    return f"{rate}, {100 * position / size:.0f} %, {max(left, 0):.0f} s left"
