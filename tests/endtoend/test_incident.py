"""The replay of an incident: one app's clients flood a relay, whose OKs silently stop. Nobody was told of that one.

Everything is as it is deployed: tap, spool, writer and the worker that looks at the rules are processes, and a webhook
is told.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.alerts import administration, notices, store
from core.alerts.store import Incident
from core.audit import Actor
from core.delivery import registry
from core.settings import ROOT
from core.storage.connections import Database
from tests.delivery.receivers import Hook, hook_server
from tests.endtoend.stack import running_stack

ME = Actor("me", "test")
APP, KIND = "trystero", 21042
FIRES_WITHIN = 30.0


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A part of `incident`; it ends when its stdin does."""
    pipe = asyncio.subprocess.PIPE
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.endtoend.incident", *arguments, cwd=ROOT, stdin=pipe, stdout=pipe
    )
    try:
        yield made
    finally:
        if made.stdin is not None:
            made.stdin.close()
        await made.wait()


async def line(part: asyncio.subprocess.Process) -> str:
    assert part.stdout is not None
    return (await part.stdout.readline()).decode().strip()


def tell(relay: asyncio.subprocess.Process, word: str) -> None:
    assert relay.stdin is not None
    relay.stdin.write(f"{word}\n".encode())


def flood(port: int, rate: int) -> list[str]:
    return ["app", "--port", str(port), "--name", APP, "--rate", str(rate), "--kind", str(KIND), "--connections", "40"]


def others(port: int) -> list[str]:
    return ["app", "--port", str(port), "--name", "Damus", "--network", "198.51.100", "--connections", "5"]


async def reached(condition: Callable[[], bool], what: str) -> None:
    """Waits until the condition holds; for as long as messages that are never answered take to be given up."""
    try:
        async with asyncio.timeout(120):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (other processes decide)
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"still waiting for {what}") from None


@pytest.mark.parametrize(
    ("rate", "answer_timeout"),
    [(400, 6.0), pytest.param(4000, 30.0, marks=[pytest.mark.soak, pytest.mark.timeout(400)])],
)
async def test_the_operator_is_told_within_half_a_minute_who_it_is_and_when_it_is_over(
    rate: int, answer_timeout: float, database: Database, tmp_path: Path
) -> None:
    def incident() -> Incident | None:
        return next((each for each in store.incidents(database) if each.rule.name == "answers-stopped"), None)

    with hook_server() as hook:
        registry.add(database, ME, "hook", "webhook", f"http://127.0.0.1:{hook.port}/", datetime.now(UTC))
        administration.tell(database, ME, ["hook"], datetime.now(UTC))
        async with AsyncExitStack() as running:
            relay = await running.enter_async_context(process("relay"))
            stack = await running.enter_async_context(
                running_stack(
                    f"ws://127.0.0.1:{await line(relay)}", database, tmp_path, DELIVERY_PRIVATE_ADDRESSES="true",
                    TAP_ANSWER_TIMEOUT=str(answer_timeout), LOG_LEVEL="warning",
                )
            )  # fmt: skip
            await running.enter_async_context(process(*others(stack.port)))
            await stack.row_count(20)
            flooding = await running.enter_async_context(process(*flood(stack.port, rate)))
            assert await line(flooding) == "sends"
            await stack.row_count(4 * rate)
            assert incident() is None

            tell(relay, "silence")
            began = time.monotonic()
            await reached(lambda: incident() is not None, "the incident to open")
            assert time.monotonic() - began < FIRES_WITHIN
            opened = incident()
            assert opened is not None
            named = {part.dimension: part for part in reversed(opened.why)}
            assert (named["app"].name, named["kind"].name) == (APP, str(KIND))
            assert named["app"].share > 0.9
            await reached(lambda: len(told(hook)) == 1, "the notice of the opening")
            notified = time.monotonic() - began
            assert notified < FIRES_WITHIN

            tell(relay, "answer")
            answered = time.monotonic()
            await reached(lambda: len(told(hook)) == 2, "the notice of the end")
            over = time.monotonic() - answered
            print(f"At {rate} events/s: told after {notified:.1f} s; {over:.1f} s after answers came again, of the end")
        ended = incident()
        assert ended is not None
        assert ended.ended_how == "recovered"
        ledger = notices.of_incident(database, ended.incident_id)
        assert [(each.transition, each.attempts) for each in ledger] == [("opened", 1), ("recovered", 1)]
        assert [call["transition"] for call in told(hook)] == ["opened", "recovered"]
        assert APP in told(hook)[0]["subject"]
        assert f"kind {KIND}" in told(hook)[0]["subject"]


def told(hook: Hook) -> list[dict[str, str]]:
    """What the webhook heard of this incident."""
    return [call.json["data"] for call in hook.calls if call.json["data"]["rule"] == "answers-stopped"]
