"""Looks at the rules for alerts every few seconds, beside the jobs of the worker.

Not a job of the queue: that would cost more than the look itself, twelve times a minute, and wait for a slot while long
jobs hold them all, when what counts is that an incident opens within seconds. Several workers do not look twice: see
`core.alerts.evaluation`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import structlog

from core.alerts.evaluation import EVERY, Evaluator, Round
from core.alerts.surroundings import Surroundings
from core.exceptions import DatabaseUnavailableError, StatementTimeoutError
from core.settings import Settings
from core.storage.database import Database

log = structlog.get_logger()

SHORTEST_PAUSE = 1.0


async def watch(
    database: Database, settings: Settings, observe: Callable[[Round], None] = lambda _: None, every: float = EVERY
) -> None:
    """Looks until it is cancelled; `observe` is told of each look. Raises DatabaseUnavailableError."""
    evaluator = Evaluator(database, Surroundings.of(settings))
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "alerts") as thread:
        while True:
            started = time.monotonic()
            try:
                observe(await loop.run_in_executor(thread, evaluator.look, datetime.now(UTC)))
            except DatabaseUnavailableError:
                raise
            except (StatementTimeoutError, psycopg.Error) as error:
                log.warning("The rules for alerts could not be looked at; again in a moment", error=str(error))
            except Exception:
                log.exception("Looking at the rules for alerts failed; again in a moment")
            await asyncio.sleep(max(every - (time.monotonic() - started), SHORTEST_PAUSE))
