"""The demo's relay and clients as processes: what arrives at the tap's place, restarts, and a clean end."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections import Counter
from typing import Any

from nostr_sdk import Event
from websockets.asyncio.server import Server, ServerConnection, serve

from ingest.demo.run import clients_command
from ingest.demo.world import APPS, DOCUMENTATION_NETWORKS

IPV6 = ipaddress.ip_network("2001:db8::/32")


class Listener:
    """Stands where the tap is, and remembers what it hears."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.clients: dict[str, str] = {}

    async def hear(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        headers = socket.request.headers
        self.clients[headers["X-Forwarded-For"]] = headers["User-Agent"]
        async for message in socket:
            assert isinstance(message, str)
            self.messages.append(message)

    async def listen(self, port: int = 0) -> Server:
        return await serve(self.hear, "127.0.0.1", port)

    async def until(self, messages: int) -> None:
        async with asyncio.timeout(40):
            while len(self.messages) < messages:  # noqa: ASYNC110 (another process decides)
                await asyncio.sleep(0.05)

    async def until_forged(self) -> None:
        """Until an event with a wrong signature was among them: they are rare, so their number is chance."""
        judged = 0
        async with asyncio.timeout(60):
            while True:
                if judged < len(self.messages):
                    judged += 1
                    if forged(self.messages[judged - 1]):
                        return
                else:
                    await asyncio.sleep(0.05)

    async def until_verbs(self, wanted: set[str]) -> None:
        """Until messages of all these verbs were among them: some are rare too."""
        async with asyncio.timeout(60):
            while not wanted <= {text[2:].partition('"')[0] for text in self.messages}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def forged(text: str) -> bool:
    """Whether this is an EVENT whose signature is wrong."""
    message = json.loads(text) if text.startswith('["EVENT"') else None
    return message is not None and "sig" in message[1] and not Event.from_json(json.dumps(message[1])).verify()


async def test_clients_speak_nostr_come_back_and_end_cleanly() -> None:
    listener = Listener()
    server = await listener.listen()
    port = next(iter(server.sockets)).getsockname()[1]
    command = clients_command(f"ws://127.0.0.1:{port}", rate=150)
    process = await asyncio.create_subprocess_exec(*command.arguments)
    try:
        await listener.until(600)
        await listener.until_forged()
        await listener.until_verbs({"COUNT", "CLOSE", "NEG-OPEN"})
        server.close()
        await server.wait_closed()
        before = len(listener.messages)
        server = await listener.listen(port)
        await listener.until(before + 20)
    finally:
        process.terminate()
        async with asyncio.timeout(20):  # it must end by itself; how fast is up to the machine
            await process.wait()
        server.close()
        await server.wait_closed()
    assert process.returncode == 0

    parsed: list[list[Any]] = [json.loads(text) for text in listener.messages if text.startswith('["')]
    verbs = Counter(message[0] for message in parsed)
    assert verbs["REQ"] > verbs["EVENT"] > 0
    assert {"COUNT", "CLOSE", "NEG-OPEN"} <= set(verbs)
    events = [message[1] for message in parsed if message[0] == "EVENT" and "sig" in message[1]]
    valid = [event for event in events if Event.from_json(json.dumps(event)).verify()]
    assert 0 < len(events) - len(valid) < len(valid)
    assert len({event["id"] for event in valid}) < len(valid), "no duplicates"
    addresses = [ipaddress.ip_address(text) for text in listener.clients]
    assert all(any(each in network for network in (*DOCUMENTATION_NETWORKS, IPV6)) for each in addresses)
    assert len(set(listener.clients.values())) > 3
    assert set(listener.clients.values()) <= {app.user_agent for app in APPS}
