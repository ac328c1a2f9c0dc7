"""How the tap's TCP sockets are set, towards clients and towards the relay."""

from __future__ import annotations

import asyncio
import contextlib
import socket

TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", 18)


def tune(transport: asyncio.Transport, dead_peer_seconds: int) -> None:
    """No delay, and an end for peers that vanished: probes of an idle connection begin at half of the time, and what is
    not acknowledged is given up when it is over."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with contextlib.suppress(OSError):  # the peer may be gone already
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, dead_peer_seconds // 2)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, dead_peer_seconds // 8))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
            sock.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, dead_peer_seconds * 1000)
