"""After a run with known addresses and content, nothing of them is anywhere: database, spool, keys, logs."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nostr_sdk import Keys
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from core.storage.connections import Database
from tests.endtoend.stack import Stack, running_stack
from tests.endtoend.talk import signed

IPV4, IPV6, DIRECT = "203.0.113.77", "2001:db8:aaaa:bbbb:1:2:3:77", "127.0.0.77"
CONTENT = "MARKERofCONTENT"
MARKERS = (CONTENT, "MARKERofTAG", "MARKERofFILTER", "MARKERofAGENT", "MARKERofQUERY", "MARKERofBROKEN")


def forms(address: str) -> Iterator[bytes]:
    """An address as text, and in the binary and numeric forms that it could be stored in."""
    parsed = ipaddress.ip_address(address)
    yield from (text.encode() for text in {address, parsed.compressed, parsed.exploded, str(int(parsed))})
    yield parsed.packed
    yield parsed.packed.hex().encode()
    if parsed.version == 6:  # the /64 that the client is named by
        network = ipaddress.ip_network(f"{address}/64", strict=False)
        yield str(network).encode()
        yield str(network.network_address).encode()
        yield parsed.packed[:8]


FORBIDDEN = [form for address in (IPV4, IPV6, DIRECT) for form in forms(address)] + [text.encode() for text in MARKERS]


@asynccontextmanager
async def telltale_relay() -> AsyncIterator[str]:
    """Refuses everything, and says in every refusal from which address it came and what it held."""

    async def answer(socket: ServerConnection) -> None:
        assert socket.request is not None
        where = socket.request.headers.get("X-Forwarded-For", DIRECT)
        async for message in socket:
            try:
                verb, what = json.loads(message)[:2]
            except ValueError:
                await socket.send(json.dumps(["NOTICE", f"{where} sent {message!r}"]))
                continue
            if verb == "EVENT":
                await socket.send(json.dumps(["OK", what["id"], False, f"blocked: {where} may not write"]))
            elif verb == "REQ":
                await socket.send(json.dumps(["CLOSED", what, f"rate-limited: [{where}]:443 asks too much"]))

    async with serve(answer, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def talk(stack: Stack, headers: dict[str, str], source: str = "127.0.0.1") -> None:
    """One client: an event, a subscription, and a message that is none."""
    event = json.dumps(signed(Keys.generate(), content=CONTENT, tags=[["t", "MARKERofTAG"]]))
    agent = f"Bot/1.0 (MARKERofAGENT {headers.get('X-Forwarded-For', source)})"
    async with connect(
        f"{stack.url}/?q=MARKERofQUERY", additional_headers=headers, user_agent_header=f"{source} {agent}",
        local_addr=(source, 0),
    ) as socket:  # fmt: skip
        await socket.send(f'["EVENT",{event}]')
        await socket.recv()
        await socket.send(json.dumps(["REQ", "feed", {"authors": ["MARKERofFILTER"], "search": "MARKERofFILTER"}]))
        await socket.recv()
        await socket.send('{"MARKERofBROKEN"')
        await socket.recv()


def database_bytes(database: Database) -> bytes:
    """Every table as text and in binary form."""
    with database.connect() as connection:
        names = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        ).fetchall()
        parts: list[bytes] = []
        for (name,) in names:
            for options in ("FORMAT text", "FORMAT binary"):
                with connection.cursor().copy(f"COPY (SELECT * FROM {name}) TO STDOUT ({options})".encode()) as copy:
                    parts += [bytes(part) for part in copy]
    return b"\n".join(parts)


def files(directory: Path) -> dict[str, bytes]:
    """Every file of DATA_DIR: spools with their WAL, keys."""
    return {
        f"{path.relative_to(directory)}": path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize("forward", ["true", "false"])
async def test_no_address_and_no_content_is_kept(forward: str, database: Database, tmp_path: Path) -> None:
    found: dict[str, bytes] = {}
    async with (
        telltale_relay() as relay,
        running_stack(
            relay, database, tmp_path, LOG_LEVEL="debug", TAP_TRUSTED_PROXIES="127.0.0.1/32",
            TAP_FORWARD_ADDRESS=forward, FLUSH_INTERVAL="0.05",
        ) as stack,
    ):  # fmt: skip
        for headers, source in (
            ({"X-Forwarded-For": IPV4}, "127.0.0.1"), ({"X-Forwarded-For": IPV6}, "127.0.0.1"),
            ({"X-Real-IP": IPV4}, "127.0.0.1"), ({}, DIRECT), ({"Origin": f"http://{IPV4}:8080"}, DIRECT),
        ):  # fmt: skip
            await talk(stack, headers, source)
            found |= {f"{name} after {source} {headers}": data for name, data in files(tmp_path).items()}
        rows = await stack.rows(connections=5)
        found["the logs"] = stack.logs()
    found |= files(tmp_path) | {"the database": database_bytes(database)}
    assert any(".spool" in name and data for name, data in found.items())
    assert {row["outcome"] for row in rows if row["event_type"] == "EVENT"} == {"rejected"}
    assert {(row["metadata"] or {}).get("reason") for row in rows if row["event_type"] == "EVENT"} == {
        "blocked: [address] may not write"
    }
    assert len({row["client_id"] for row in rows}) == 3
    kept = [(name, form) for name, data in found.items() for form in FORBIDDEN if form in data]
    assert kept == []
