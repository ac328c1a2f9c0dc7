"""Running one job: alone if it comes by itself, entered in `jobs` however it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog

from core.exceptions import RelayAnalyticsError
from core.jobs import runs
from ingest.jobs.task import Task, Work

log = structlog.get_logger()

RUNS_ALREADY = "It runs already."


def run(task: Task, work: Work, **arguments: Any) -> str:
    """What the task did, in few words. Raises what it raises, once that is entered.

    The lock does not depend on the queue's idea of who lives: a worker that was frozen for a minute, and whose job was
    given to another, still holds it.
    """
    if task.period is None:
        return _entered(task, work, arguments)
    with runs.alone(work.database, task.name) as alone:
        return _entered(task, work, arguments) if alone else RUNS_ALREADY


def _entered(task: Task, work: Work, arguments: dict[str, Any]) -> str:
    with work.database.borrow() as connection:
        runs.started(connection, task.name, work.now)
    try:
        result = task.run(work, **arguments) or "done"
    except Exception as error:
        log.warning("A job failed", job=task.name, error=str(error) or repr(error),
                    exc_info=not isinstance(error, RelayAnalyticsError))  # fmt: skip
        with work.database.borrow() as connection:
            runs.failed(connection, task.name, datetime.now(UTC), str(error) or repr(error))
        raise
    with work.database.borrow() as connection:
        runs.succeeded(connection, task.name, datetime.now(UTC), result)
    return result
