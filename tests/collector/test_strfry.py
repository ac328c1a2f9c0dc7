"""The plugin for strfry, driven as strfry drives it: lines over pipes, an answer for each before anything else."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.records import Event
from core.settings import ROOT, Settings
from ingest.collector.serving import running_collector
from ingest.strfry.protocol import Record
from ingest.strfry.sending import Sender
from tests.collector.conftest import Sender as Source
from tests.collector.conftest import events
from tests.endtoend.stack import DEADLINE, eventually
from tests.support.ports import free_port

DECIDES = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["type"] != "new":
        continue
    kind = request["event"]["kind"]
    if kind == 666:
        sys.exit(3)
    answer = {"id": request["event"]["id"], "action": "accept", "extra": "kept as it is"}
    if kind == 4:
        answer |= {"action": "reject", "msg": "blocked: no messages"}
    if kind == 5:
        answer |= {"action": "shadowReject"}
    print(json.dumps(answer), flush=True)
"""


def line(kind: int = 1, **fields: Any) -> bytes:
    event = {"id": secrets.token_hex(32), "pubkey": "ab" * 32, "kind": kind, "content": "a secret", "tags": []}
    given = {
        "type": "new",
        "event": event,
        "receivedAt": 1_700_000_000,
        "sourceType": "IP4",
        "sourceInfo": "203.0.113.7",
    }
    return json.dumps(given | fields).encode() + b"\n"


class Plugin:
    """A running plugin, as strfry sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in, self._out = process.stdin, process.stdout

    def write(self, text: bytes) -> None:
        self._in.write(text)

    async def answer(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(await asyncio.wait_for(self._out.readline(), DEADLINE))
        return said

    async def ask(self, text: bytes) -> dict[str, Any]:
        self.write(text)
        return await self.answer()

    async def end(self) -> str:
        """Closes its stdin; returns what it wrote to stderr."""
        self._in.close()
        assert self.process.stderr is not None
        said = (await asyncio.wait_for(self.process.stderr.read(), DEADLINE)).decode()
        assert await asyncio.wait_for(self.process.wait(), DEADLINE) == 0
        return said


@asynccontextmanager
async def plugin(port: int, token: str, *more: str) -> AsyncIterator[Plugin]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingest.strfry", "--url", f"http://127.0.0.1:{port}", *more, cwd=ROOT,
        env={**os.environ, "COLLECTOR_TOKEN": token}, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Plugin(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def deciding(tmp_path: Path) -> tuple[str, ...]:
    """Arguments for another plugin that decides."""
    script = tmp_path / "decides.py"
    script.write_text(DECIDES)
    return ("--plugin", f"{sys.executable} {script}")


async def spooled_events(settings: Settings, number: int) -> list[Event]:
    async def there() -> bool:
        return len(events(settings)) >= number

    await eventually(there, f"{number} events")
    return events(settings)


async def test_every_event_is_accepted_and_recorded(sender: Source, settings: Settings) -> None:
    lines = [line(kind) for kind in range(100)]
    async with plugin(sender.port, sender.token, "--relay", "wss://relay.example") as running:
        running.write(b"".join(lines))
        answers = [await running.answer() for _ in lines]
        await running.end()
    ids = [json.loads(each)["event"]["id"] for each in lines]
    assert answers == [{"id": each, "action": "accept"} for each in ids]
    stored = await spooled_events(settings, 100)
    assert [(event.kind, event.event_id, event.outcome) for event in stored] == [
        (kind, bytes.fromhex(ids[kind]), "ok") for kind in range(100)
    ]
    assert {event.client for event in stored} == {stored[0].client}
    assert stored[0].client.startswith("addr:")


async def test_another_plugin_decides_and_its_answers_pass_unchanged(
    sender: Source, settings: Settings, deciding: tuple[str, ...]
) -> None:
    async with plugin(sender.port, sender.token, *deciding) as running:
        running.write(line(type="lookback"))
        assert (await running.ask(line(1)))["extra"] == "kept as it is"
        assert (await running.ask(line(4)))["msg"] == "blocked: no messages"
        assert (await running.ask(line(5)))["action"] == "shadowReject"
        await running.end()
    assert [(event.outcome, event.error_code, event.metadata) for event in await spooled_events(settings, 3)] == [
        ("ok", None, None),
        ("rejected", "blocked", {"reason": "blocked: no messages"}),
        ("rejected", "blocked", {"reason": "shadowReject"}),
    ]


async def test_when_the_other_plugin_ends_the_relay_hears_what_it_would_without_us(
    sender: Source, settings: Settings, deciding: tuple[str, ...]
) -> None:
    async with plugin(sender.port, sender.token, *deciding) as running:
        failed = await running.ask(line(666))
        assert (failed["action"], failed["msg"]) == ("reject", "error: internal error")
        assert (await running.ask(line(1)))["action"] == "accept"
        assert "ended with code 3" in await running.end()
    assert [event.outcome for event in await spooled_events(settings, 2)] == ["failed", "ok"]


async def test_answers_do_not_wait_for_the_collector_which_gets_everything_later(
    settings: Settings, token: str
) -> None:
    """The collector is away until all answers are there."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are made, and nothing is ever said
        async with plugin(silent.getsockname()[1], token) as started:
            for kind in range(200):
                assert (await started.ask(line(kind)))["action"] == "accept"
            assert "200 not sent" in await started.end()
    port = free_port()
    async with plugin(port, token) as started:
        for kind in range(200):
            assert (await started.ask(line(kind)))["action"] == "accept"
        async with running_collector(settings, port):
            assert [event.kind for event in await spooled_events(settings, 200)] == list(range(200))
            await started.end()


async def test_bad_lines_are_answered_and_do_not_end_it(sender: Source, settings: Settings) -> None:
    bad = [
        b"\n", b"hello\n", b"[]\n", b"\xff\xfe\n", b'{"type":"new"}\n', b'{"type":"new","event":7}\n',
        b'{"type":"new","event":{"id":5}}\n', b'{"type":"new","event":' + b"[" * 100_000 + b"\n",
    ]  # fmt: skip
    async with plugin(sender.port, sender.token) as running:
        for each in bad:
            assert await running.ask(each) == {"id": "", "action": "accept"}
        cut = b'{"type":"new","event":{"id":"' + b"ab" * 32 + b'","kind":\n'
        assert await running.ask(cut) == {"id": "ab" * 32, "action": "accept"}
        assert (await running.ask(line(2**70)))["action"] == "accept"
        assert (await running.ask(line(7, sourceType="Stream", sourceInfo="wss://other.example")))["action"] == "accept"
        await running.end()
    unknown_kind, streamed = await spooled_events(settings, 2)
    assert (unknown_kind.kind, streamed.kind, streamed.client) == (None, 7, "stream:wss://other.example")


async def test_a_token_that_is_refused_does_not_touch_the_answers(sender: Source) -> None:
    async with plugin(sender.port, "ras_wrong") as running:
        assert (await running.ask(line()))["action"] == "accept"
        assert "401" in await running.end()


def test_what_does_not_fit_into_memory_is_dropped_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    sender = Sender(f"http://127.0.0.1:{free_port()}", "ras_x", most_records=10)
    for _ in range(25):
        sender.put(Record(0.0, "EVENT", "ok", "alice"))
    assert sender.dropped == 15
    sender.start()
    sender.stop(0.5)
    assert "15 records were dropped, 10 not sent" in capsys.readouterr().err
