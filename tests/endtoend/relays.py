"""Relays to put behind the tap."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from nostr_sdk import Event, LocalRelayBuilder, WritePolicy, WritePolicyResult
from nostr_sdk.nostr_sdk import uniffi_set_event_loop
from websockets.asyncio.server import ServerConnection, serve

from tests.endtoend.stack import eventually
from tests.support.ports import free_port

BLOCKED_KIND = 1337


class Blocking(WritePolicy):  # type: ignore[misc]
    """Refuses one kind, and takes `delay` seconds over every event; `durations` says how long that really was."""

    def __init__(self, delay: float = 0.0) -> None:
        super().__init__()
        self._delay = delay
        self.durations: list[float] = []

    async def admit_event(self, event: Event, socket_addr: str) -> WritePolicyResult:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.sleep(self._delay)
        self.durations.append(loop.time() - started)
        if event.kind().as_u16() == BLOCKED_KIND:
            return WritePolicyResult.REJECT("kind not accepted")
        return WritePolicyResult.ACCEPT()


@asynccontextmanager
async def nostr_sdk_relay(builder: LocalRelayBuilder, policy: WritePolicy | None = None) -> AsyncIterator[str]:
    """nostr-sdk's relay on a free port; gives its URL."""
    uniffi_set_event_loop(asyncio.get_running_loop())
    relay = builder.addr("127.0.0.1").write_policy(policy or Blocking()).build()
    await relay.run()
    try:
        yield str(await relay.url())
    finally:
        relay.shutdown()
        uniffi_set_event_loop(None)  # else all later calls of this process want this loop


@asynccontextmanager
async def silent_relay() -> AsyncIterator[str]:
    """A relay that accepts connections and never says anything."""

    async def listen(socket: ServerConnection) -> None:
        async for _ in socket:
            pass

    async with serve(listen, "127.0.0.1", 0, compression=None) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


NOSTR_RELAY_CONFIG = """
DEBUG: false
relay_name: under test
storage:
  sqlalchemy.url: sqlite+aiosqlite:///{directory}/relay.sqlite3
  validators:
    - nostr_relay.validators.is_not_too_large
gunicorn:
  bind: 127.0.0.1:{port}
  workers: 1
"""


@asynccontextmanager
async def compressing_relay(directory: Path) -> AsyncIterator[str]:
    """PyPI's nostr_relay: SQLite, and permessage-deflate with a 12-bit window."""
    port = free_port()
    config = directory / "nostr_relay.yaml"
    config.write_text(NOSTR_RELAY_CONFIG.format(directory=directory, port=port))
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("nostr-relay")), "-c", str(config), "serve", "--use-uvicorn",
        env={**os.environ, "PYTHONWARNINGS": "ignore"}, cwd=directory,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    async def listens() -> bool:
        assert process.returncode is None, f"nostr_relay ended with {process.returncode}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    try:
        await eventually(listens, "nostr_relay to listen")
        yield f"ws://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
