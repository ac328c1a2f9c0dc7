"""The tap with reading off, for the benchmark only: what forwarding costs alone. Bytes are counted, nothing is read."""

from __future__ import annotations

from unittest.mock import patch

import ingest.tap
from core.logs import configure_logs
from core.settings import get_settings
from ingest.conversation import Conversation
from ingest.http_head import Head
from ingest.observer import Observer
from ingest.worker import run_tap


class Blind(Observer):
    """Follows no upgrade, so that the splice hands no copies over."""

    def accepted(self, conversation: Conversation, response: Head) -> None:
        """The conversation stays plain."""


if __name__ == "__main__":
    configure_logs("warning", "tap-0")
    with patch.object(ingest.tap, "Observer", Blind):
        run_tap(get_settings(), 0)
