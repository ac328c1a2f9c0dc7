"""`relay-analytics metrics`: every metric that `/metrics` shows, and what it means."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ingest.metrics import METRICS, Metric


def show(markdown: Annotated[bool, typer.Option(help="Print the page docs/metrics.md instead.")] = False) -> None:
    """List every metric of the ingest processes."""
    if markdown:
        typer.echo(as_markdown(), nl=False)
        return
    table = Table("Metric", "Labels", "Meaning")
    for metric in METRICS.values():
        table.add_row(metric.shown, ", ".join(metric.labels), metric.meaning)
    Console().print(table)


def as_markdown() -> str:
    """The page `docs/metrics.md`: one row per metric."""
    lines = [
        "# Metrics",
        "",
        "`http://METRICS_HOST:METRICS_PORT/metrics` shows these in Prometheus' text format. What a process reports has",
        "the label `process` (`tap-0`, …, `writer`, `jobs`) besides: sum over it for the whole. Counters start again",
        "at 0 when their process does, as Prometheus' `rate()` and `increase()` expect.",
        "",
        "This page is made by `relay-analytics metrics --markdown`.",
        "",
        "| Metric | Type | Labels | Meaning |",
        "|---|---|---|---|",
    ]
    return "\n".join(lines + [_row(metric) for metric in METRICS.values()]) + "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.shown}` | {metric.kind} | {labels} | {metric.meaning} |"
