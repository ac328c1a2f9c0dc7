"""The front proxies as docs/tap.md shows them, in front of a real tap. Needs nginx on the machine."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from core.settings import ROOT, Settings
from ingest.tap import Tap, running_tap
from tests.endtoend.stack import eventually
from tests.ingest.conftest import MakeSettings, spooled
from tests.ingest.relays import answering_relay, is_answered
from tests.support.ports import free_port

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

pytestmark = pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed")


def documented(word: str, ports: dict[int, int]) -> str:
    """The example of docs/tap.md with this word, on ports of the test and without TLS, which needs a certificate."""
    examples = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "tap.md").read_text(), re.DOTALL)
    (example,) = (each for each in examples if word in each)
    example = re.sub(r"listen (\d+) ssl;", r"listen 127.0.0.1:\1;", example)
    example = re.sub(r"\n\s*ssl_[^\n]*", "", example)
    for shown, port in ports.items():
        example = re.sub(rf":{shown}\b", f":{port}", example)
    return example


@asynccontextmanager
async def nginx(directory: Path, configuration: str, port: int) -> AsyncIterator[None]:
    """nginx with this configuration, listening on `port`."""
    path = directory / "nginx.conf"
    path.write_text(f"daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log;\n{configuration}")
    process = await asyncio.create_subprocess_exec(NGINX, "-p", str(directory), "-c", str(path))
    try:

        async def listens() -> bool:
            assert process.returncode is None, (directory / "error.log").read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await eventually(listens, "nginx to listen")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def http(example: str, directory: Path) -> str:
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    kept = " ".join(f"{name}_temp_path {directory}/{name};" for name in names)
    return f"events {{}}\nhttp {{\naccess_log off; {kept}\n{example}\n}}"


CLIENT = "127.0.0.5"
"""Where the clients of these tests come from. Only nginx, on 127.0.0.1, is trusted."""
SPOOFED = {"X-Forwarded-For": "198.51.100.9", "X-Real-IP": "198.51.100.9"}


def belong_to_the_client(settings: Settings, tap: Tap) -> bool:
    """Whether the one connection that was recorded is the client's own, by the address it came from."""
    (connection,) = (each for batch in spooled(settings) for each in batch.connections)
    assert connection.opened_at is not None
    return connection.client == tap.observer.identifier.name_address(ip_address(CLIENT), connection.opened_at / 1e6)


async def test_nginx_passes_websockets_on_with_the_clients_own_address(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    port = free_port()
    async with answering_relay() as relay:
        settings = make_settings(relay, tap_trusted_proxies=("127.0.0.1/32",))
        async with running_tap(settings) as tap:
            example = documented("proxy_read_timeout", {443: port, 7777: tap.port, 7778: free_port()})
            async with (
                nginx(tmp_path, http(example, tmp_path), port),
                connect(f"ws://127.0.0.1:{port}", additional_headers=SPOOFED, local_addr=(CLIENT, 0)) as client,
            ):
                assert await is_answered(client)
                assert [type(each).__name__ for each in client.protocol.extensions] == ["PerMessageDeflate"]
                assert tap.observer.counters.active == 1
    assert belong_to_the_client(settings, tap)


async def test_nginx_goes_to_the_relay_while_the_tap_is_gone_or_full(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    port, tap_port = free_port(), free_port()
    async with answering_relay() as relay:
        ports = {443: port, 7777: tap_port, 7778: int(relay.rpartition(":")[2])}
        example = documented("proxy_read_timeout", ports).replace("fail_timeout=5s", "fail_timeout=1s")
        async with nginx(tmp_path, http(example, tmp_path), port):
            async with connect(f"ws://127.0.0.1:{port}") as client:
                assert await is_answered(client)  # no tap at all
            async with running_tap(make_settings(relay, tap_max_connections=1), tap_port) as tap:

                async def comes_through() -> bool:
                    async with connect(f"ws://127.0.0.1:{port}") as client:
                        return await is_answered(client) and tap.observer.counters.opened == 1

                await eventually(comes_through, "nginx to find the tap again")
                async with connect(f"ws://127.0.0.1:{tap_port}") as first, connect(f"ws://127.0.0.1:{port}") as second:
                    assert await is_answered(first)
                    assert await is_answered(second)
                    assert tap.observer.counters.refused == 1


@pytest.mark.skipif(not STREAM_MODULE.exists(), reason="the stream module of nginx is not installed")
async def test_nginx_as_a_tcp_proxy_says_whose_connection_it_is(tmp_path: Path, make_settings: MakeSettings) -> None:
    port = free_port()
    async with answering_relay() as relay:
        settings = make_settings(relay, tap_proxy_protocol=True, tap_trusted_proxies=("127.0.0.1/32",))
        async with running_tap(settings) as tap:
            example = documented("proxy_protocol on", {443: port, 7777: tap.port})
            configuration = f"load_module {STREAM_MODULE}; events {{}}\n{example}"
            async with (
                nginx(tmp_path, configuration, port),
                connect(f"ws://127.0.0.1:{port}", additional_headers=SPOOFED, local_addr=(CLIENT, 0)) as client,
            ):
                assert await is_answered(client)
    assert tap.observer.counters.proxy_headers == 0
    assert belong_to_the_client(settings, tap)
