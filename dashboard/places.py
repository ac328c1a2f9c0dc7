"""Where the dashboard is: its path, its cookie, its database, its clock."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from core.settings import get_settings
from core.storage.database import Database, open_database
from core.storage.replica import with_replica

BASE = "/dashboard/analytics"
COOKIE = "relay_session"

_opening = threading.Lock()
_opened: dict[str, Database] = {}


def database() -> Database:
    """The process's database, opened at first use. Raises DatabaseUnavailableError when it cannot be reached."""
    with _opening:
        if "database" not in _opened:
            _opened["database"] = with_replica(open_database(get_settings()), get_settings())
        return _opened["database"]


def close_database() -> None:
    """Close what `database` opened; the next call opens again."""
    with _opening:
        if "database" in _opened:
            _opened.pop("database").close()


def now() -> datetime:
    """The present, in UTC: the one place of the dashboard that reads a clock."""
    return datetime.now(UTC)
