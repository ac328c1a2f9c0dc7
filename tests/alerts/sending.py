"""A process that sends one notice, to be killed in it: `python -m tests.alerts.sending DSN INCIDENT CHANNEL`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from core.alerts import notices
from core.settings import Settings
from core.storage.database import Database


def main(dsn: str, incident: str, channel: str) -> None:
    settings = Settings(_env_file=None, delivery_private_addresses=True, relay_name="relay.example")
    notices.send(
        Database(dsn), settings, datetime.now(UTC), incident=int(incident), transition="opened", channel=channel
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
