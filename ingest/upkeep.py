"""The fold, in a thread beside the writer: `ingest/jobs/table.py` says why it is not a job."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import psycopg
import structlog

from core.exceptions import RelayAnalyticsError
from core.storage.database import Database
from core.storage.fold import fold

log = structlog.get_logger()

FOLD_SECONDS = 10.0


class Upkeep:
    """Folds the roll-ups, which also makes the partitions of the next days."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends after the fold that runs now."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._fold()
            self._stop.wait(FOLD_SECONDS)

    def _fold(self) -> None:
        try:
            fold(self._database, datetime.now(UTC))
        except (RelayAnalyticsError, psycopg.Error) as error:
            log.warning("The fold failed and is tried again when it is due", error=str(error))
        except Exception:
            # The edge of this thread: without it roll-ups would never be folded again, and nobody would know.
            log.exception("A fault in the fold: it is tried again when it is due")
