"""The proxies that are compared: nginx, the tap, the tap with reading off (`splice`), and one of `websockets`.

Each has one core to itself.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

NGINX_CONF = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
worker_rlimit_nofile 20000; user root;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://127.0.0.1:{relay};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $host;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }}
    }}
}}
"""
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


class Proxy(NamedTuple):
    """`process` is the one that forwards."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """User and system time of all its threads, in nanoseconds' steps: psutil's hundredths are too coarse here."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> int:
        return int(self.process.memory_info().rss)


def names() -> list[str]:
    """What can be compared on this machine."""
    return [*(["nginx"] if Path(NGINX).exists() else []), "tap", "splice", "websockets"]


@contextmanager
def running(name: str, relay: int, directory: Path, cpu: int) -> Iterator[Proxy]:
    port = _free_port()
    environment = {
        **os.environ, "RELAY_URL": f"ws://127.0.0.1:{relay}", "TAP_PORT": str(port), "DATA_DIR": str(directory),
        "DEMO": "off", "METRICS_PORT": str(_free_port()), "TAP_DRAIN_SECONDS": "0", "LOG_LEVEL": "warning",
    }  # fmt: skip
    if name == "nginx":
        conf = directory / "nginx.conf"
        conf.write_text(NGINX_CONF.format(directory=directory, port=port, relay=relay))
        command = ["taskset", "-c", str(cpu), NGINX, "-c", str(conf), "-p", str(directory)]
    elif name in {"tap", "splice"}:
        module = ["ingest", "tap"] if name == "tap" else ["benchmarks.splice_alone"]
        command = ["taskset", "-c", str(cpu), sys.executable, "-m", *module]
    else:
        command = [sys.executable, "-m", "benchmarks.websockets_proxy", str(port), str(relay), "--cpu", str(cpu)]
    process = subprocess.Popen(command, env=environment)
    try:
        _await_port(port, process)
        main = psutil.Process(process.pid)
        yield Proxy(port, main.children()[0] if name == "nginx" else main)
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("a proxy did not start")
