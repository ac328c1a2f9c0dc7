"""The database a command works on, migrated, and closed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from core.settings import get_settings
from core.storage.database import Database, open_database
from core.storage.migrate import migrate

Demo = Annotated[
    bool | None, typer.Option("--demo/--real", help="The demo database or the real one. Default: see the setting DEMO.")
]


@contextmanager
def opened(demo: bool | None = None) -> Iterator[Database]:
    """The database of the settings (or the demo / the real one explicitly), with the current schema."""
    settings = get_settings()
    if demo is not None:
        settings = settings.model_copy(update={"demo": "on" if demo else "off"})
    database = open_database(settings)
    try:
        migrate(database)
        yield database
    finally:
        database.close()
