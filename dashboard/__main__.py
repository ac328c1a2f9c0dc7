"""`python -m dashboard`: bring the database up to date and serve the dashboard until stopped."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import structlog

from core.accounts.users import ensure_admin, listing
from core.exceptions import RelayAnalyticsError
from core.logs import configure_logs
from core.settings import ROOT, Settings, get_settings
from core.storage.migrate import migrate
from dashboard.places import BASE, database, now

log = structlog.get_logger()

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def main() -> None:
    """Serve on the host and port of the settings."""
    settings = get_settings()
    configure_logs(settings.log_level, "dashboard", settings.log_format)
    try:
        migrate(database())
        _see_to_a_user()
    except RelayAnalyticsError as error:
        sys.exit(f"The dashboard cannot start: {error}")
    options: dict[str, object] = {
        "server.port": settings.dashboard_port,
        "server.address": settings.dashboard_host,
        "server.baseUrlPath": BASE.strip("/"),
    }
    hosts = allowed_hosts(settings)
    if hosts:
        options["server.allowedHosts"] = hosts
    # Streamlit takes the folder of the started script for its own: .streamlit/, static/ and the import path.
    sys.argv = [str(ROOT / "Home.py")]
    from dashboard.server import app

    app.run(config=options)


def allowed_hosts(settings: Settings) -> list[str]:
    """Names under which it answers; none: under any. Pages of another site must not reach it under a name of theirs."""
    named = [urlsplit(settings.dashboard_url).hostname or ""] if settings.dashboard_url else []
    return ["localhost", "127.0.0.1", *named] if named or settings.dashboard_host in LOOPBACK else []


def _see_to_a_user() -> None:
    """Make the first user where somebody sees the password; it must not stand in a log."""
    if sys.stdout.isatty():
        password = ensure_admin(database(), now())
        if password:
            print(f"Sign in as admin with the password {password}  (shown this once)", flush=True)
    elif not listing(database()):
        log.warning("Nobody can sign in yet; make a user: relay-analytics user add admin --role admin")


if __name__ == "__main__":
    main()
