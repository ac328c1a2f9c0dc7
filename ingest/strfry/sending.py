"""Hands records to the collector from a thread of its own. What does not fit into memory is dropped and counted."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from urllib.parse import urlsplit

from ingest.strfry.protocol import Record, encode

MOST_RECORDS = 100_000
"""Held in memory while the collector is away: about 60 MB."""
BATCH_RECORDS = 1000
LINGER_SECONDS = 1.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
TIMEOUT_SECONDS = 10.0
SAY_SECONDS = 60.0
"""How often drops are told of."""
HOPELESS = frozenset({400, 404, 405, 413, 415, 422})
"""The collector will never take this batch."""


class Sender:
    """`put` never waits. `url` is that of the collector, `http://host:port`, or https."""

    def __init__(self, url: str, token: str, most_records: int = MOST_RECORDS) -> None:
        self._url = urlsplit(url)
        self._token = token
        self._most = most_records
        self._records: deque[Record] = deque()
        self._some = threading.Event()
        self._stopping = threading.Event()
        self._run = f"strfry-{secrets.token_hex(6)}-"
        self._number = 0
        self._said_at = 0.0
        self.dropped = 0
        self._thread = threading.Thread(target=self._work, name="sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, record: Record) -> None:
        if len(self._records) >= self._most:
            self.dropped += 1
            return
        self._records.append(record)
        self._some.set()

    def stop(self, patience: float) -> None:
        """Sends what is left, for at most `patience` seconds."""
        self._stopping.set()
        self._some.set()
        self._thread.join(patience)
        left = len(self._records)
        if left or self.dropped:
            self._say(f"{self.dropped} records were dropped, {left} not sent")

    def _work(self) -> None:
        while True:
            self._some.wait()
            self._stopping.wait(LINGER_SECONDS)  # so that a batch is worth its fsync
            self._some.clear()
            while self._records:
                batch = [self._records[place] for place in range(min(BATCH_RECORDS, len(self._records)))]
                self._number += 1
                if not self._deliver(batch):
                    self.dropped += len(batch)
                for _ in batch:
                    self._records.popleft()
            if self._stopping.is_set():
                return

    def _deliver(self, batch: Sequence[Record]) -> bool:
        """Tries until the collector takes the batch, under the same id; False when it never will."""
        body = b"\n".join(map(encode, batch))
        pause = FIRST_PAUSE
        while True:
            try:
                status, said = self._post(body)
            except Exception as error:  # noqa: BLE001 - the edge of this thread: it has to go on
                status, said = 0, str(error)
            if status == 200:
                return True
            if status in HOPELESS:
                self._say(f"the collector refuses a batch: {status} {said}")
                return False
            self._say_sometimes(f"the collector does not take batches ({status or 'no answer'} {said}); "
                                f"{len(self._records)} records wait, {self.dropped} were dropped")  # fmt: skip
            if self._stopping.wait(pause):
                time.sleep(0.1)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _post(self, body: bytes) -> tuple[int, str]:
        import http.client  # late: the first answer to strfry does not wait for it

        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "127.0.0.1", self._url.port, timeout=TIMEOUT_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Batch-Id": f"{self._run}{self._number}"}
            connection.request("POST", f"{self._url.path.rstrip('/')}/v1/events", body, headers)
            response = connection.getresponse()
            return response.status, response.read(500).decode("utf-8", "replace")
        finally:
            connection.close()

    def _say_sometimes(self, text: str) -> None:
        if time.monotonic() - self._said_at > SAY_SECONDS or not self._said_at:
            self._said_at = time.monotonic()
            self._say(text)

    def _say(self, text: str) -> None:
        print(f"relay-analytics: {text}", file=sys.stderr, flush=True)
