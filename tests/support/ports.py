"""Ports for servers that are given theirs, before they listen."""

from __future__ import annotations

import itertools
import os
import random
import socket

# Below those that a system gives to connections by itself (from 32768 on Linux): one of these would be taken now and
# then between the question and the answer. Test processes begin at different places.
_candidates = itertools.cycle(random.Random(os.getpid()).sample(range(20_000, 32_000), 12_000))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, another one each time."""
    for port in _candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the candidates do not end")
