"""The frame reader: the same messages however the bytes are cut, every byte attributed once, nothing raised."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.frames import FrameReader, Inflater
from tests.ingest.frames import Deflater, frame

LIMIT = 1000
Message = tuple[bytes | None, int, int]


def read(
    chunks: list[bytes], *, inflater: Inflater | None = None, limit: int = LIMIT
) -> tuple[list[Message], FrameReader]:
    messages: list[Message] = []
    reader = FrameReader(lambda payload, size, wire, now: messages.append((payload, size, wire)), limit)
    reader.inflater = inflater
    for chunk in chunks:
        reader.feed(chunk, 0.0)
        assert reader.fed >= reader.claimed + reader.unread
    reader.finish()
    assert reader.fed == sum(map(len, chunks)) == reader.claimed + reader.unread
    assert reader.claimed == sum(wire for _, _, wire in messages)
    return messages, reader


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


frames = st.builds(
    frame,
    st.binary(max_size=1500),
    st.sampled_from([0, 1, 1, 1, 2, 3, 8, 9, 10, 11]),
    final=st.booleans(),
    masked=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 0x40, 0x20]),
)
valid_frames = st.one_of(
    st.builds(frame, st.binary(max_size=1500), st.sampled_from([1, 2]), masked=st.booleans()),
    st.builds(frame, st.binary(max_size=125), st.sampled_from([9, 10])),
    st.lists(st.binary(max_size=700), min_size=2, max_size=4).map(
        lambda parts: b"".join(
            frame(part, 1 if place == 0 else 0, final=place == len(parts) - 1) for place, part in enumerate(parts)
        )
    ),
)
places = st.lists(st.integers(0, 8000), max_size=40)


@given(st.one_of(st.binary(max_size=400), st.lists(frames, max_size=6).map(b"".join)), places)
def test_any_bytes_in_any_pieces_give_what_the_whole_gives(data: bytes, places: list[int]) -> None:
    whole, whole_reader = read([data] if data else [])
    pieces, reader = read(cut(data, places))
    assert pieces == whole
    assert (reader.failure, reader.close_code) == (whole_reader.failure, whole_reader.close_code)


@given(st.lists(valid_frames, max_size=8), places)
def test_valid_frames_are_all_read(parts: list[bytes], places: list[int]) -> None:
    _, reader = read(cut(b"".join(parts), places))
    assert reader.failure is None


@given(
    st.lists(st.text(max_size=300).map(str.encode), max_size=12),
    st.integers(9, 15),
    st.booleans(),
    places,
)
def test_compressed_messages_inflate_with_what_was_negotiated(
    texts: list[bytes], bits: int, takeover: bool, places: list[int]
) -> None:
    deflate = Deflater(bits, takeover=takeover)
    data = b"".join(frame(deflate(text), rsv=0x40) for text in texts)
    messages, reader = read(cut(data, places), inflater=Inflater(bits, not takeover, 1200))
    assert reader.failure is None
    assert [payload for payload, _, _ in messages] == texts


def test_a_message_in_fragments_counts_all_its_headers_and_a_ping_between_them_apart() -> None:
    ping = frame(b"hello", 9)
    parts = [frame(b"one ", final=False), ping, frame(b"two ", 0, final=False), frame(b"three", 0)]
    messages, reader = read(parts)
    assert messages == [(b"one two three", 13, sum(map(len, parts)) - len(ping))]
    assert reader.unread == len(ping)


@pytest.mark.parametrize(
    "parts",
    [[frame(b"x" * 5000)], [frame(b"x" * 900, final=False), frame(b"x" * 4100, 0)]],
    ids=["in one frame", "in fragments"],
)
def test_what_is_too_large_is_skipped_and_the_next_message_is_read(parts: list[bytes]) -> None:
    data = b"".join(parts)
    messages, reader = read(cut(data + frame(b"next"), [1, 7, 700, 5002]))
    assert messages == [(None, 5000, len(data)), (b"next", 4, len(frame(b"next")))]
    assert reader.failure is None


def test_a_large_compressed_message_is_skipped_without_losing_the_context() -> None:
    deflate = Deflater()
    noise = random.Random(1).randbytes(600)
    large, small = deflate(noise * 3), deflate(noise)
    messages, reader = read([frame(large, rsv=0x40), frame(small, rsv=0x40)], inflater=Inflater(15, False, LIMIT))
    assert [(payload, size) for payload, size, _ in messages] == [(None, 1800), (noise, 600)]
    assert reader.failure is None


def test_a_compression_bomb_ends_reading_before_it_is_inflated() -> None:
    messages, reader = read([frame(Deflater()(b"0" * 500_000), rsv=0x40)], inflater=Inflater(15, False, LIMIT))
    assert messages == []
    assert reader.failure == "inflated message is too large"


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (frame(b"x", 3), "unknown opcode"),
        (frame(b"x", 11), "unknown opcode"),
        (frame(b"x", rsv=0x20), "reserved bits are set"),
        (frame(b"x", rsv=0x40), "reserved bits are set"),
        (frame(b"x", 0), "continuation without a beginning"),
        (frame(b"x", final=False) + frame(b"y"), "a message begins inside another"),
        (frame(b"x", 9, final=False), "control frames are short and whole"),
        (frame(b"x" * 126, 9), "control frames are short and whole"),
        (b"\x81\xff" + b"\xff" * 8, "frame length has its highest bit set"),
    ],
)
def test_what_breaks_the_rules_ends_reading_and_is_counted(data: bytes, failure: str) -> None:
    before, after = frame(b"fine"), frame(b"not read any more")
    messages, reader = read([before + data, after])
    assert [payload for payload, _, _ in messages] == [b"fine"]
    assert reader.failure == failure
    assert reader.unread == len(data) + len(after)


@pytest.mark.parametrize(("payload", "code"), [(b"\x03\xe8bye", 1000), (b"\x03\xf1", 1009), (b"", 1005)])
def test_the_close_code_is_kept(payload: bytes, code: int) -> None:
    _, reader = read([frame(payload, 8)])
    assert reader.close_code == code
