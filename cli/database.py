"""The database a command works on, migrated, and closed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from core.exceptions import DatabaseUnavailableError
from core.settings import Settings, get_settings
from core.storage.database import Database, embedded_server, open_database
from core.storage.migrate import migrate

Demo = Annotated[
    bool | None, typer.Option("--demo/--real", help="The demo database or the real one. Default: see the setting DEMO.")
]


@contextmanager
def opened(demo: bool | None = None, *, migrated: bool = True) -> Iterator[Database]:
    """The database of the settings (or the demo / the real one explicitly), with the current schema if `migrated`."""
    settings = get_settings()
    if demo is not None:
        settings = settings.model_copy(update={"demo": "on" if demo else "off"})
    with server_left_as_it_was(settings):
        database = open_database(settings)
        try:
            if migrated:
                migrate(database)
            yield database
        finally:
            database.close()


@contextmanager
def server_left_as_it_was(settings: Settings) -> Iterator[None]:
    """An embedded server that a command had to start is stopped after it; one that was running keeps running."""
    server = embedded_server(settings) if settings.database_url is None else None
    started_here = server is not None and not server.is_running()
    try:
        yield
    finally:
        if server is not None and started_here:
            server.stop()


def stop_embedded(settings: Settings, database: Database) -> None:
    """Stop the embedded server, unless something else (a notebook, a second part) still uses it."""
    if settings.database_url is not None:
        return
    try:
        with database.connect() as connection:
            others = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
    except DatabaseUnavailableError:  # it died, or the demo was removed meanwhile
        others = None
    if others and others[0]:
        typer.echo(f"The embedded database keeps running: {others[0]} other connections use it.")
    else:
        embedded_server(settings).stop()
