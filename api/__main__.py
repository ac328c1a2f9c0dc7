"""`python -m api`: serve the API on API_HOST:API_PORT."""

from __future__ import annotations

from typing import Any

import uvicorn

from api.app import THREADS, create_app
from core.logs import configure_logs, take_over_logging
from core.settings import Settings, get_settings
from core.storage.database import Database, open_database
from core.storage.migrate import migrate
from core.storage.replica import with_replica


def database_of(settings: Settings) -> Database:
    """The database to serve, whose queries end after API_STATEMENT_TIMEOUT."""
    found = open_database(settings)
    connections = THREADS + settings.api_exports  # each thread needs one at most, so none waits for another
    limits: dict[str, Any] = {"read_timeout": settings.api_statement_timeout, "pool_size": connections}
    return with_replica(Database(found.dsn, demo=found.demo, **limits), settings, **limits)


def main() -> None:
    settings = get_settings()
    configure_logs(settings.log_level, "api", settings.log_format)
    take_over_logging("warning", settings.log_format)
    with database_of(settings) as database:
        migrate(database)
        uvicorn.run(
            create_app(database, settings),
            host=settings.api_host,
            port=settings.api_port,
            log_level=settings.log_level,
            log_config=None,  # `take_over_logging` has it
            access_log=False,  # the application writes its own, with request id and token id
            server_header=False,
            loop="uvloop",
        )


if __name__ == "__main__":
    main()
