"""What the API says of itself to Prometheus: calls and how long they took, per route and status."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.types import Scope

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The figures of this process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "relay_analytics_api_calls", "Calls answered", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "relay_analytics_api_call_seconds", "Seconds from a request to the end of its answer", ["route"],
            buckets=SECONDS, registry=self._registry,
        )  # fmt: skip
        self._bytes = Counter(
            "relay_analytics_api_sent_bytes", "Bytes of answers, before headers", ["route"], registry=self._registry
        )

    def count(self, scope: Scope, status: int, seconds: float, size: int) -> None:
        """A call that is over. Routes are templates, and what matches none is one: names stay few."""
        route = getattr(scope.get("route"), "path_format", "none")
        self._calls.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        self._bytes.labels(route).inc(size)

    def text(self) -> bytes:
        """In the text format of Prometheus."""
        return generate_latest(self._registry)
