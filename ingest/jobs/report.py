"""What a worker reports of itself as metrics."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from core.alerts.evaluation import Round
from core.jobs.queue import Queue
from ingest.jobs.task import Task
from ingest.metrics import Reading, reading

OUTCOMES = ("succeeded", "failed")


class Report:
    """Counts the runs of a worker. Told from threads, read in the event loop: its dictionaries never change size."""

    def __init__(self, table: Iterable[Task]) -> None:
        self._runs = {(task.name, outcome): 0 for task in table for outcome in OUTCOMES}
        self._succeeded = dict.fromkeys((name for name, _ in self._runs), 0.0)
        self.queue: Queue | None = None
        self._look: Round | None = None

    def ended(self, name: str, outcome: str, at: datetime) -> None:
        """A run of this worker ended: `succeeded` or `failed`."""
        self._runs[name, outcome] += 1
        if outcome == "succeeded":
            self._succeeded[name] = at.timestamp()

    def looked(self, look: Round) -> None:
        """The rules for alerts were looked at, here or by another worker."""
        if look.looked:
            self._look = look

    def readings(self) -> list[Reading]:
        """Everything since the start of the process; of the queue, when it was last looked at."""
        found = [reading("jobs_runs", runs, name, outcome) for (name, outcome), runs in self._runs.items()]
        found += [reading("jobs_last_success_seconds", at, name) for name, at in self._succeeded.items() if at]
        if self.queue is not None:
            found += [
                reading("jobs_waiting", self.queue.waiting),
                reading("jobs_running", self.queue.running),
                reading("jobs_given_up", self.queue.failed),
                reading("jobs_workers", self.queue.workers),
            ]
        if self._look is not None:
            found += [reading("alerts_open", n, severity) for severity, n in self._look.open.items()]
            found.append(reading("alerts_look_seconds", self._look.milliseconds / 1000))
        return found
