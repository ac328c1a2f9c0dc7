"""nginx's access log as records: WebSocket connections, which it writes when they end.

The format `combined` knows the time of the end and the bytes sent; fields after it, `name=value` or `name="value"`, add
what else is known (docs/imports.md has the `log_format`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from core.records import Connection, Delivery
from ingest.http_head import Head
from ingest.imports.lines import BadLine, PassedOver, Row, shown
from ingest.imports.naming import Naming

_QUOTED = rb'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(
    rb"(\S+) - (?:.*?) \[([^\]]{20,40})\] " + _QUOTED + rb" (\d{3}) (\d{1,18}|-)"
    rb"(?: " + _QUOTED + rb" " + _QUOTED + rb")?(.*)"
)  # fmt: skip
_FIELD = re.compile(rb"\s+([a-z_]{1,40})=(?:" + _QUOTED + rb"|([^\s\"]*))")
_ESCAPE = re.compile(rb"\\x([0-9A-Fa-f]{2})|\\(.)")
_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_SECONDS = re.compile(r"\d{1,10}(?:\.\d{1,6})?")
_REQUEST = re.compile(r"([A-Z]{1,32}) (\S+) HTTP/\d(?:\.\d)?")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SWITCHED = b"101"


class Ended(NamedTuple):
    """A WebSocket connection that ended, as far as the line tells; None: it does not."""

    peer: str
    head: Head
    closed_at: int  # microseconds since the Unix epoch
    opened_at: int | None
    bytes_in: int | None
    bytes_out: int | None
    connection: int


def parse(line: bytes) -> Ended:
    """Raises BadLine, and PassedOver for other requests than WebSocket connections."""
    match = _COMBINED.fullmatch(line)
    if match is None:
        raise BadLine("no line of an access log")
    peer, local, request, status, body, referer, agent, rest = match.groups()
    if status != SWITCHED:
        raise PassedOver("a request that opened no WebSocket")
    fields = _fields(rest)
    called = _REQUEST.fullmatch(_text(request))
    if called is None:
        raise BadLine("the request cannot be read")
    at = _moment(fields.get("msec")) or _local(local.decode("ascii", "replace"))
    if at is None:
        raise BadLine("the time cannot be read")
    length = _moment(fields.get("request_time"))
    sent = _whole(fields.get("bytes_sent"))
    if sent is None and body != b"-":
        sent = int(body)
    headers = {
        "user-agent": _text(agent or b"-"), "referer": _text(referer or b"-"), "host": fields.get("host", ""),
        "origin": fields.get("origin", ""), "x-forwarded-for": fields.get("forwarded", ""),
    }  # fmt: skip
    head = Head(called[1], called[2], tuple((name, text) for name, text in headers.items() if text not in ("", "-")))
    return Ended(
        peer.decode("utf-8", "replace"), head, at, None if length is None else at - length,
        _last(fields.get("upstream_bytes_sent")), sent, _whole(fields.get("connection")) or 0,
    )  # fmt: skip


def _fields(rest: bytes) -> Mapping[str, str]:
    """The `name=value` fields behind `combined`; what is none is passed over."""
    return {found[1].decode(): _text(found[2] if found[2] is not None else found[3]) for found in _FIELD.finditer(rest)}


def _text(value: bytes) -> str:
    """nginx writes quotes, backslashes and what is not printable as \\xHH."""
    if b"\\" in value:
        value = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()) if match[1] else match[2], value)
    return value.decode("utf-8", "replace")


def _moment(seconds: str | None) -> int | None:
    """Microseconds of `$msec` or `$request_time`."""
    if seconds is None or _SECONDS.fullmatch(seconds) is None:
        return None
    whole, _, part = seconds.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0") or 0)


def _whole(number: str | None) -> int | None:
    return int(number) if number is not None and number.isascii() and number.isdigit() and len(number) < 19 else None


def _last(numbers: str | None) -> int | None:
    """`$upstream_bytes_sent` has a number for each server that was tried; the last one took the connection."""
    return None if numbers is None else _whole(re.split(r"[,:]", numbers)[-1].strip())


@lru_cache(maxsize=4096)
def _local(text: str) -> int | None:
    """Microseconds of `$time_local`, in whole seconds."""
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in MONTHS:
        return None
    offset = timedelta(hours=int(match[8]), minutes=int(match[9])) * (-1 if match[7] == "-" else 1)
    day, year, hour, minute, second = (int(match[place]) for place in (1, 3, 4, 5, 6))
    try:
        moment = datetime(year, MONTHS.index(match[2]) + 1, day, hour, minute, second, tzinfo=timezone(offset))
    except ValueError:
        return None
    return (moment - EPOCH) // timedelta(microseconds=1)


class NginxReader:
    """An access log."""

    name = "nginx"
    is_log = True

    def __init__(self, naming: Naming) -> None:
        self._naming = naming

    def read(self, line: bytes) -> Sequence[Row]:
        ended = parse(line.rstrip(b"\r"))
        whose = self._naming.request(ended.peer, ended.head, ended.closed_at)
        client, kind = whose.identity
        connection = Connection(
            ended.connection, client, kind, ended.opened_at, ended.closed_at, None, whose.app, ended.bytes_in,
            ended.bytes_out, None,
        )  # fmt: skip
        carried = Delivery(ended.closed_at, client, ended.connection, 0, ended.bytes_in or 0, ended.bytes_out or 0)
        return [Row(connection), Row(carried)] if carried.bytes_in or carried.bytes_out else [Row(connection)]

    def flush(self) -> Sequence[Row]:
        return ()

    def sample(self, line: bytes) -> str:
        return shown(line)
