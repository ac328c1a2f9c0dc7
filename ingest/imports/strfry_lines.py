"""Lines of strfry's log, taken apart. Pure functions; what a line means for traffic is in `strfry`.

The log is written by the library loguru: local time, seconds since the start, name of the thread, level, message
(`2026-03-10 12:00:00.123 (  33.100s) [Websocket       ]INFO| [7] Connect from 192.0.2.1 compression=Y sliding=Y`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

_PREAMBLE = re.compile(
    rb"(?:.*?[\s|])??(\d{4}-\d\d-\d\d) (\d\d):(\d\d):(\d\d)\.(\d{3}) \(\s*[\d.]+s\) \[([^\]]*)\]\s*(\w+)\| ?(.*)",
    re.DOTALL,
)
_CONNECTION = re.compile(rb"\[(\d{1,18})\] (.*)", re.DOTALL)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LogLine(NamedTuple):
    """`at` is microseconds since the Unix epoch; `connection` None when the line names none."""

    at: int
    thread: str
    connection: int | None
    message: bytes


def parse(line: bytes, zone: ZoneInfo) -> LogLine | None:
    """None when it is no line of the log. What a log collector puts in front of it is passed over.

    In the hour that clocks repeat, the earlier one is meant.
    """
    match = _PREAMBLE.fullmatch(line)
    if match is None:
        return None
    day, hour, minute, second, milli, thread, _, message = match.groups()
    try:
        start = _hour(day.decode(), int(hour), zone)
    except ValueError:
        return None
    at = start + (int(minute) * 60 + int(second)) * 1_000_000 + int(milli) * 1000
    found = _CONNECTION.fullmatch(message)
    if found is None:
        return LogLine(at, thread.decode("utf-8", "replace").strip(), None, message)
    return LogLine(at, thread.decode("utf-8", "replace").strip(), int(found[1]), found[2])


@lru_cache(maxsize=256)
def _hour(day: str, hour: int, zone: ZoneInfo) -> int:
    local = datetime.fromisoformat(day).replace(hour=hour, tzinfo=zone)
    return (local - EPOCH) // timedelta(microseconds=1)


_CONNECT = re.compile(rb"Connect from (\S+) compression=[YN] sliding=[YN]")
_SIZE = rb"([\d.]+)([bKMGT]) \((-?(?:[\d.]+|nan|inf))% compressed\)"
_DISCONNECT = re.compile(rb"Disconnect from (\S+) \((\d+)/.*?\) UP: " + _SIZE + rb" DN: " + _SIZE + rb".*", re.DOTALL)
_UNITS = {b"b": 1, b"K": 2**10, b"M": 2**20, b"G": 2**30, b"T": 2**40}


class Size(NamedTuple):
    """Bytes of messages, and on the wire: strfry writes three digits of one and a percentage for the other."""

    payload: int
    wire: int


class End(NamedTuple):
    """How a connection ended. strfry calls `UP` what it sent."""

    address: str
    code: int
    sent: Size
    received: Size


def connect(message: bytes) -> str | None:
    """The address of a connection that begins."""
    match = _CONNECT.fullmatch(message)
    return match[1].decode("utf-8", "replace") if match else None


def disconnect(message: bytes) -> End | None:
    """The end of a connection. None when it is none."""
    match = _DISCONNECT.fullmatch(message)
    if match is None:
        return None
    address, code, *sizes = match.groups()
    try:
        return End(address.decode("utf-8", "replace"), int(code), _size(*sizes[:3]), _size(*sizes[3:]))
    except (ValueError, OverflowError):
        return None


def _size(number: bytes, unit: bytes, compressed: bytes) -> Size:
    """Of nothing, strfry says that `-nan%` is compressed."""
    payload = round(float(number) * _UNITS[unit])
    if compressed.strip(b"-") in (b"nan", b"inf"):
        return Size(payload, payload)
    return Size(payload, max(0, round(payload * (1 - float(compressed) / 100))))


_HEX = rb"([0-9a-f]{64})"
_INSERTED = re.compile(rb"Inserted event\. id=" + _HEX + rb" levId=\d+")
_REJECTED = re.compile(rb"Rejected event\. (.*), id=" + _HEX, re.DOTALL)
_DUPLICATE = re.compile(rb"Duplicate event, skipping: " + _HEX)
_BLOCKED = re.compile(rb"write policy blocked event " + _HEX + rb": (.*)", re.DOTALL)
_PROTECTED = re.compile(rb"Protected event[^:]*: " + _HEX)
_REPOST = re.compile(rb"Repost embedded a protected event, blocking: " + _HEX)


class Verdict(NamedTuple):
    """What became of an event; `reason` as the client was told it, empty when it was accepted."""

    event_id: bytes
    reason: str


def verdict(message: bytes) -> Verdict | None:
    """What a line says of an event. None when it is about something else."""
    if match := _INSERTED.fullmatch(message):
        return Verdict(_id(match[1]), "")
    if match := _REJECTED.fullmatch(message):
        return Verdict(_id(match[2]), match[1].decode("utf-8", "replace"))
    if match := _DUPLICATE.fullmatch(message):
        return Verdict(_id(match[1]), "duplicate: have this event")
    if match := _BLOCKED.fullmatch(message):
        return Verdict(_id(match[1]), match[2].decode("utf-8", "replace"))
    if match := _PROTECTED.fullmatch(message):
        asked = b"AUTH" in message
        return Verdict(_id(match[1]), f"{'auth-required' if asked else 'blocked'}: event marked as protected")
    if match := _REPOST.fullmatch(message):
        return Verdict(_id(match[1]), "blocked: reposts can't embed protected events")
    return None


def _id(text: bytes) -> bytes:
    return bytes.fromhex(text.decode())


_SCANNED = re.compile(rb"REQ='(.*)' totalTime=\d+us totalWork=\d+ recsSent=(\d{1,9})", re.DOTALL)
_CLOSED = re.compile(rb"sending (?:closed to|error to) \[(\d{1,18})\]: (.*)", re.DOTALL)
_AUTHED = re.compile(rb"AUTHed as " + _HEX)
_DUMP = re.compile(rb"dumpIn(All|Event|Auth|Req): (.*)", re.DOTALL)
_NEGENTROPY = re.compile(rb"negentropy (NEW|RECV|CLOSE) session=.*", re.DOTALL)
NEGENTROPY = {b"NEW": "NEG-OPEN", b"RECV": "NEG-MSG", b"CLOSE": "NEG-CLOSE"}


def scanned(message: bytes) -> tuple[str, int] | None:
    """A subscription whose stored events were sent, and how many (with `relay.logging.dbScanPerf`)."""
    match = _SCANNED.fullmatch(message)
    return (match[1].decode("utf-8", "replace"), int(match[2])) if match else None


def refused(message: bytes) -> tuple[int, str] | None:
    """The connection of which a subscription was refused, and why. Other errors are about what is not logged."""
    match = _CLOSED.fullmatch(message)
    if match is None or (message.startswith(b"sending error") and not match[2].startswith(b"bad req")):
        return None
    return int(match[1]), match[2].decode("utf-8", "replace")


def authenticated(message: bytes) -> str | None:
    """The pubkey that a connection authenticated."""
    match = _AUTHED.fullmatch(message)
    return match[1].decode() if match else None


def dumped(message: bytes) -> tuple[str, bytes] | None:
    """A client's message, by the setting that had it logged (`All`, `Event`, `Auth`, `Req`)."""
    match = _DUMP.fullmatch(message)
    return (match[1].decode(), match[2]) if match else None


def negentropy(message: bytes) -> str | None:
    """The verb of a client's negentropy message."""
    match = _NEGENTROPY.fullmatch(message)
    return NEGENTROPY[match[1]] if match else None
