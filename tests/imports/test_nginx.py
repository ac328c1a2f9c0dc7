"""nginx's access log: what each format tells of WebSocket connections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import Connection, Delivery
from ingest.imports import nginx
from ingest.imports.lines import BadLine, PassedOver
from ingest.imports.naming import Naming
from ingest.imports.nginx import NginxReader
from tests.imports.conftest import LOGS
from tests.support.records import NOON, micros

AT = micros(NOON)
LINES = (LOGS / "nginx.log").read_bytes().splitlines()


def test_a_log_gives_what_it_tells(naming: Naming) -> None:
    reader = NginxReader(naming)
    first, second = naming.address("203.0.113.7", AT).client, naming.address("2001:db8::7", AT).client
    combined = [row.record for row in reader.read(LINES[0])]
    assert combined == [
        Connection(0, first, "address", None, AT + 10_000_000, None, "Damus", None, 5120, None),
        Delivery(AT + 10_000_000, first, 0, 0, 0, 5120),
    ]
    closed = AT + 11_250_000
    assert [row.record for row in reader.read(LINES[1])] == [
        Connection(42, second, "address", closed - 61_250_000, closed, None, "app.example", 640, 1100, None),
        Delivery(closed, second, 42, 0, 640, 1100),
    ]
    forwarded = [row.record for row in reader.read(LINES[2])]
    assert isinstance(forwarded[0], Connection)
    assert forwarded[0].client == first  # the trusted proxy's word
    assert (forwarded[0].app, forwarded[0].opened_at) == ('a "quoted" agent', AT + 11_500_000)


@pytest.mark.parametrize(
    ("line", "error", "why"),
    [
        (LINES[3], PassedOver, "a request that opened no WebSocket"),
        (LINES[4], PassedOver, "a request that opened no WebSocket"),
        (LINES[5], BadLine, "the time cannot be read"),
        (LINES[6], BadLine, "no line of an access log"),
    ],
)
def test_other_lines_say_why_they_give_nothing(line: bytes, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        nginx.parse(line)


def test_a_sample_shows_no_address(naming: Naming) -> None:
    reader = NginxReader(naming)
    assert all("203.0.113" not in reader.sample(line) and "2001:db8" not in reader.sample(line) for line in LINES)


PIECES = st.sampled_from(LINES).flatmap(
    lambda line: st.tuples(st.integers(0, len(line)), st.binary(max_size=8)).map(
        lambda cut: line[: cut[0]] + cut[1] + line[cut[0] + len(cut[1]) :]
    )
)


@given(PIECES | st.binary(max_size=300))
def test_any_line_gives_a_connection_or_a_reason(line: bytes) -> None:
    try:
        ended = nginx.parse(line)
    except (BadLine, PassedOver):
        return
    assert ended.closed_at > 0
    assert ended.bytes_out is None or ended.bytes_out >= 0
