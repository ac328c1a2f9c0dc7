"""What a report called without a database uses: the configured one, the clock and the configured reporting zone.

The only place of `core` that reads the clock for reports; `Report.run` itself is given all three.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from core.settings import get_settings
from core.spools import spool_directory
from core.storage.database import Database, open_database
from core.storage.migrate import migrate
from core.storage.replica import with_replica
from core.tariffs import Tariff


@cache
def configured_database() -> Database:
    """The database of the settings, with today's schema. Raises DatabaseUnavailableError, MigrationError."""
    database = with_replica(open_database(get_settings()), get_settings())
    migrate(database)
    return database


Configured = Literal["configured"]


def tariff_of(given: Tariff | Configured | None) -> Tariff | None:
    """The tariff to count with: the given one, or that of the settings."""
    return get_settings().tariff if given == "configured" else given


def spools_of(given: Path | Configured | None, *, demo: bool) -> Path | None:
    """The directory of spools to look into: the given one, or that of the settings."""
    if given != "configured":
        return given
    return spool_directory(get_settings().model_copy(update={"demo": "on" if demo else "off"}))


def spool_max_bytes() -> int:
    """How large the settings let a spool grow."""
    return get_settings().spool_max_bytes


def completed(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call, with what it left out of `database`, `now` and (with the former) `time_zone`."""
    filled = {"now": datetime.now(UTC), **arguments}
    if filled.get("database") is None:
        filled["database"] = configured_database()
        filled.setdefault("time_zone", get_settings().time_zone)
    return filled
