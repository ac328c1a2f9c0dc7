"""`python -m api`: serve the API on API_HOST:API_PORT."""

from __future__ import annotations

import uvicorn

from api.app import create_app
from core.settings import get_settings
from core.storage.database import open_database
from core.storage.migrate import migrate


def main() -> None:
    settings = get_settings()
    database = open_database(settings)
    migrate(database)
    uvicorn.run(
        create_app(database, settings),
        host=settings.api_host,
        port=settings.api_port,
        log_level=settings.log_level,
        access_log=False,  # one line per call would name every token holder's habits; the database keeps last use
        server_header=False,
        loop="uvloop",
    )


if __name__ == "__main__":
    main()
