"""Whatever the two ends say, in whatever pieces: the tap passes on just that, and reading it breaks nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.tap import running_tap
from tests.ingest.conftest import MakeSettings
from tests.ingest.frames import Deflater, frame
from tests.ingest.scripted import ScriptedRelay, Step
from tests.ingest.test_frames import cut, frames, places
from tests.ingest.test_transparency import COMPRESSED, OPEN

messages = st.sampled_from(
    [b'["REQ","s",{}]', b'["EOSE","s"]', b'["EVENT",{"id":"x","kind":1}]', b'["OK","x",true,""]']
)
noise = st.binary(min_size=1, max_size=300)
compressed = st.one_of(
    st.one_of(messages, noise).map(lambda message: frame(Deflater(12)(message), rsv=0x40)),
    noise.map(lambda data: frame(data, rsv=0x40)),  # compressed by nobody
    st.tuples(messages, noise).map(lambda pair: frame(Deflater(12)(pair[0])[:-2] + pair[1], rsv=0x40)),
)
said = st.one_of(noise, frames, messages.map(frame), compressed)
pieces = st.tuples(st.sampled_from(["client", "relay"]), st.lists(said, min_size=1, max_size=3).map(b"".join), places)
talks = st.lists(pieces, max_size=4)


def test_the_tap_passes_on_what_came_in_and_nothing_else(make_settings: MakeSettings) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        relay = runner.run(stack.enter_async_context(ScriptedRelay()))
        tap = runner.run(stack.enter_async_context(running_tap(make_settings(relay.url))))

        @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.sampled_from([OPEN, COMPRESSED]), talks)
        def passes(opening: list[Step], talk: list[tuple[str, bytes, list[int]]]) -> None:
            script = list(opening)
            for who, data, where in talk:
                script += [(who, piece) for piece in cut(data, where) if piece]  # type: ignore[misc]
            transcript = runner.run(relay.play(script, tap.port))
            for end, other in (("relay", "client"), ("client", "relay")):
                assert bytes(getattr(transcript, end)) == b"".join(
                    data for who, data in script if who == other and data
                )
            assert tap.observer.counters.failures == 0

        try:
            passes()
        finally:
            runner.run(stack.aclose())
