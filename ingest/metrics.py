"""The program's own metrics: declared here, read by each process, shown together in Prometheus' text format.

A process reports a list of readings twice a second to its supervisor (`ingest.pulse`), which serves those of all of
them, each with the label `process`. To add one: declare it in `METRICS`, and put `reading(…)` into a process's report.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

PREFIX = "relay_analytics_"
Family = CounterMetricFamily | GaugeMetricFamily
Reading = tuple[str, tuple[str, ...], float]
"""Name of a metric, its label values, its value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A declared metric. Counters grow from the start of their process and are shown with the suffix `_total`."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    labels: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name as Prometheus sees it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("build_info", "gauge", "Always 1; the versions are its labels.", ("version", "python")),
        Metric("process_up", "gauge", "1 while the process runs and shows signs of life."),
        Metric("process_restarts", "counter", "Times the process ended, or was frozen and killed, and started again."),
        Metric("tap_connections", "gauge", "WebSocket connections at this moment."),
        Metric("tap_connections_opened", "counter", "WebSocket connections that the relay accepted."),
        Metric("tap_connections_closed", "counter", "WebSocket connections that ended."),
        Metric("tap_http_requests", "counter", "Plain HTTP requests passed to the relay (NIP-11 and the like)."),
        Metric(
            "tap_refused",
            "counter",
            "Connections answered by the tap instead of the relay: 400 (no HTTP, while requests must be changed), 408 "
            "(no request in time), 502 (relay unreachable), 503 (`TAP_MAX_CONNECTIONS` or open files used up).",
            ("status",),
        ),
        Metric(
            "tap_bad_proxy_headers",
            "counter",
            "Connections closed because a trusted proxy sent no PROXY header, or a malformed one.",
        ),
        Metric(
            "tap_messages",
            "counter",
            "Client messages by verb, and how the relay answered; counted when the answer is known. `unanswered`: "
            "nothing within `TAP_ANSWER_TIMEOUT`.",
            ("type", "outcome"),
        ),
        Metric("tap_pending", "gauge", "Client messages that wait for their answer, as of the last second."),
        Metric("tap_frames_out", "counter", "WebSocket frames of the relay that were read."),
        Metric(
            "tap_bytes",
            "counter",
            "Wire bytes carried, `in` (client to relay) and `out`; TLS not included.",
            ("direction",),
        ),
        Metric(
            "tap_oversized",
            "counter",
            "Messages of either side larger than `TAP_MAX_MESSAGE_BYTES`: forwarded, not read.",
        ),
        Metric(
            "tap_unread_connections",
            "counter",
            "Connections that are forwarded but read no further: `unreadable` (not WebSocket frames, or compression "
            "that cannot be followed), `overloaded` (too much waited to be read), `failure` (an error in reading, "
            "which is a bug: see the log).",
            ("reason",),
        ),
        Metric(
            "collector_batches",
            "counter",
            "Batches handed to the collector: `kept` (durable and acknowledged), `repeated` (acknowledged again, kept "
            "before), `sent away` (the spool is full or cannot be written: 503 or nack), `unreadable` (no batch, or "
            "too large).",
            ("fate",),
        ),
        Metric(
            "collector_records",
            "counter",
            "Records in kept batches: `taken`, or `refused` into quarantine.",
            ("fate",),
        ),
        Metric("collector_unauthorised", "counter", "Requests without a valid token."),
        Metric("collector_pending_bytes", "gauge", "Bytes of messages whose batches are not durable yet."),
        Metric("recorder_held", "gauge", "Records in memory that are not in the spool yet."),
        Metric("recorder_lag_seconds", "gauge", "Age of the oldest record that is not in the spool yet."),
        Metric("recorder_dropped", "counter", "Records lost because memory or the spool was full."),
        Metric("spool_bytes", "gauge", "Size of what waits in a spool for the database.", ("spool",)),
        Metric("spool_batches", "gauge", "Batches that wait in a spool for the database.", ("spool",)),
        Metric("spool_records", "gauge", "Records in those batches.", ("spool",)),
        Metric(
            "spool_lag_seconds", "gauge", "Age of the oldest batch in a spool: how far the reader lags.", ("spool",)
        ),
        Metric("spool_max_bytes", "gauge", "`SPOOL_MAX_BYTES`: a spool of this size takes no more."),
        Metric("jobs_runs", "counter", "Runs of a job: `succeeded` or `failed`.", ("job", "outcome")),
        Metric("jobs_last_success_seconds", "gauge", "When a job last succeeded, in seconds since 1970.", ("job",)),
        Metric(
            "jobs_waiting",
            "gauge",
            "Jobs in the queue that are due and not begun. The same for all workers, as the next three.",
        ),
        Metric("jobs_running", "gauge", "Jobs that are being done."),
        Metric("jobs_given_up", "gauge", "Jobs that failed for good within the last 30 days."),
        Metric("jobs_workers", "gauge", "Workers that were heard of within the last half minute."),
        Metric(
            "alerts_open",
            "gauge",
            "Open incidents, when this worker last looked. Of several workers take the highest, not the sum.",
            ("severity",),
        ),
        Metric("alerts_look_seconds", "gauge", "How long the last look at all rules for alerts took."),
    )
}


@dataclass(slots=True)
class Process:
    """What is known of one process: `report` is the last it sent; empty when it does not run."""

    name: str
    up: bool
    restarts: int = 0
    report: Sequence[Reading] = field(default_factory=list)


def reading(name: str, value: float, *labels: str) -> Reading:
    """A reading of a declared metric. Raises KeyError for another, ValueError when the labels do not fit."""
    if len(labels) != len(METRICS[name].labels):
        raise ValueError(f"{name} takes the labels {METRICS[name].labels}")
    return name, labels, value


def build_info() -> Reading:
    return reading("build_info", 1, version("relay-analytics"), platform.python_version())


class Exposition:
    """What Prometheus collects: `processes` with their reports, and `readings` that belong to none of them."""

    def __init__(self, processes: Iterable[Process], readings: Iterable[Reading]) -> None:
        self._processes = list(processes)
        self._readings = list(readings)

    def collect(self) -> Iterator[Family]:
        """One family per metric that has readings, in the order of their declaration."""
        families: dict[tuple[str, bool], Family] = {}
        for process, (name, labels, value) in self._all():
            metric = METRICS[name]
            family = families.get((name, process is None))
            if family is None:
                names = metric.labels if process is None else ("process", *metric.labels)
                make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                family = families[name, process is None] = make(PREFIX + name, metric.meaning, labels=names)
            family.add_metric(labels if process is None else (process, *labels), value)
        order = list(METRICS)
        yield from (family for _, family in sorted(families.items(), key=lambda item: order.index(item[0][0])))

    def _all(self) -> Iterator[tuple[str | None, Reading]]:
        for each in self._readings:
            yield None, each
        for process in self._processes:
            yield process.name, reading("process_up", process.up)
            yield process.name, reading("process_restarts", process.restarts)
            for each in process.report:
                yield process.name, each
