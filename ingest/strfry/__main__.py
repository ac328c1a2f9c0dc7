"""`python -m ingest.strfry`: the plugin's process. strfry's log shows what it writes to stderr."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import BinaryIO

from ingest.strfry.protocol import Decision, encode, id_in, read_decision, read_event, read_request, record_of
from ingest.strfry.sending import Sender
from ingest.strfry.wrapped import WrappedPlugin

STOP_SECONDS = 2.0
INTERNAL_ERROR = "error: internal error"
"""What strfry itself tells a client when a plugin fails."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ingest.strfry", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:7070", help="the collector; default: %(default)s")
    parser.add_argument("--token-file", type=Path, help="file with the source's token; default: COLLECTOR_TOKEN")
    parser.add_argument("--relay", help="name of the relay in reports; default: the name of the source")
    parser.add_argument("--plugin", help="command of another plugin, which decides")
    given = parser.parse_args()
    token = given.token_file.read_text().strip() if given.token_file else os.environ.get("COLLECTOR_TOKEN", "")
    if not token:
        parser.error("no token: give --token-file, or set COLLECTOR_TOKEN")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sender = Sender(given.url, token)
    sender.start()
    wrapped = WrappedPlugin(given.plugin) if given.plugin else None
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, sender, wrapped, given.relay)
    except BrokenPipeError:
        pass  # strfry is gone
    finally:
        sender.stop(STOP_SECONDS)
        if wrapped is not None:
            wrapped.close()
    return 0


def serve(
    lines: BinaryIO, answers: BinaryIO, sender: Sender, wrapped: WrappedPlugin | None = None, relay: str | None = None
) -> None:
    """Answers each line at once; the record of it comes after. Raises BrokenPipeError when nobody reads."""
    for line in iter(lines.readline, b""):
        request = read_request(line)
        if request is not None and request.type != "new":
            if wrapped is not None:
                wrapped.tell(line)
            continue
        answer = None if wrapped is None else wrapped.ask(line)
        event = None if request is None else read_event(request)
        if answer is None:
            event_id = event.id if event is not None else id_in(line)
            decision: Decision | None = _own_decision(event_id, failed=wrapped is not None)
            answers.write(encode(decision) + b"\n")
        else:
            decision = read_decision(answer)
            answers.write(answer)
        answers.flush()
        if request is not None and event is not None and decision is not None:
            sender.put(record_of(request, event, decision, time.time(), relay))


def _own_decision(event_id: str, *, failed: bool) -> Decision:
    """Everything is accepted, unless another plugin should have decided and did not."""
    return Decision(event_id, "reject", INTERNAL_ERROR) if failed else Decision(event_id, "accept")


if __name__ == "__main__":
    sys.exit(main())
