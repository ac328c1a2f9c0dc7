"""Events of one subscription that follow each other are counted together: with the same result as one by one."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.records import Event
from ingest.frames import FrameReader
from ingest.subscriptions import OtherTraffic
from tests.ingest.frames import frame
from tests.ingest.talk import Talk, event

LIMIT = 1000


def said(*message: Any, spaces: bool = False) -> bytes:
    return json.dumps(message, separators=None if spaces else (",", ":")).encode()


def long_event(sub: str, length: int) -> bytes:
    return said("EVENT", sub, {"content": "x" * length})


messages = st.one_of(
    st.builds(said, st.just("EVENT"), st.sampled_from(["s", "t", "é", "s" * 600]), st.builds(event), spaces=...),
    st.builds(long_event, st.sampled_from("st"), st.integers(0, 1100)),
    st.builds(said, st.just("EOSE"), st.sampled_from("st")),
    st.sampled_from([b'["EVENT","s"', b'["EVENT","s"' + b" " * 200, b'["EVENT",5]', b'["NOTICE","EVENT"]', b""]),
)  # fmt: skip
frames = st.one_of(
    st.builds(frame, messages, masked=st.sampled_from([False, False, False, True])),
    st.builds(frame, messages, st.sampled_from([0, 2, 9])),
    st.builds(lambda text: frame(text[:20], final=False) + frame(text[20:], 0), messages),
)


def played(chunks: list[bytes], *, together: bool) -> tuple[list[Event], OtherTraffic, tuple[int | str | None, ...]]:
    """What a relay's bytes come to when `s` and `t` are open."""
    talk = Talk()
    talk.client("REQ", "s", {})
    talk.client("REQ", "t", {})
    pairing = talk.pairing

    def one_by_one(payload: bytes | None, size: int, wire: int, now: float) -> None:
        pairing.relay_message(payload, size, wire, now)

    reader = FrameReader(pairing.relay_message if together else one_by_one, LIMIT, pairing.relay_events)
    for number, chunk in enumerate(chunks):
        reader.feed(chunk, 1001.0 + number)
        assert reader.fed >= reader.claimed + reader.unread
    reader.finish()
    pairing.close()
    figures = (
        reader.passed.frames,
        reader.passed.oversized,
        reader.claimed,
        reader.unread,
        reader.failure,
        reader.close_code,
    )
    return talk.rows, pairing.other, figures


@given(st.lists(st.one_of(frames, st.lists(frames, max_size=1).map(lambda one: b"".join(one * 4))), max_size=12),
       st.lists(st.integers(0, 6000), max_size=12))  # fmt: skip
def test_any_stream_in_any_pieces_counts_the_same(parts: list[bytes], places: list[int]) -> None:
    data = b"".join(parts)
    edges = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    chunks = [data[begin:end] for begin, end in itertools.pairwise(edges)]
    assert played(chunks, together=True) == played(chunks, together=False)


def test_stored_events_end_at_the_eose_and_others_follow() -> None:
    stored = [frame(said("EVENT", "s", event())) for _ in range(20)]
    eose = frame(said("EOSE", "s"))
    rows, other, figures = played([b"".join([*stored, eose, *stored[:5]])], together=True)
    assert (rows[0].events_out, rows[0].bytes_out) == (20, sum(map(len, [*stored, eose])))
    assert (other.events, other.wire) == (5, 5 * len(stored[0]))
    assert figures[0] == 26


def test_an_event_between_whose_head_is_too_long_to_remember_changes_nothing() -> None:
    short, long = (frame(said("EVENT", sub, event())) for sub in ("s", "x" * 600))
    rows, other, _ = played([short + long + short, frame(said("EOSE", "s"))], together=True)
    assert (rows[0].events_out, other.events) == (2, 1)
