"""The tap with reading off, for the benchmark only: what forwarding costs alone. Bytes are counted, nothing is read."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import ingest.tap
from core.logs import configure_logs
from core.settings import get_settings
from ingest.conversation import Conversation
from ingest.frames import FrameReader
from ingest.observer import Observer
from ingest.worker import run_tap


class Blind(Observer):
    """Makes lanes that hand no copies over."""

    def lane(
        self, write: Callable[[bytes], None], conversation: Conversation, reader: FrameReader
    ) -> Callable[[bytes], None]:
        def pass_on(data: bytes) -> None:
            write(data)
            reader.fed += len(data)

        return pass_on


if __name__ == "__main__":
    configure_logs("warning", "tap-0")
    with patch.object(ingest.tap, "Observer", Blind):
        run_tap(get_settings(), 0)
