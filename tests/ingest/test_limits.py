"""What peers can make of the tap's memory: little. Slow readers, endless messages and bombs are forwarded as ever."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.frames import INFLATE_LIMIT, FrameReader, Inflater
from ingest.tap import running_tap
from tests.endtoend.stack import eventually
from tests.ingest.conftest import MakeSettings, spooled
from tests.ingest.frames import Deflater, frame
from tests.ingest.processes import running_ingest
from tests.ingest.scripted import DEADLINE, ScriptedRelay
from tests.ingest.test_transparency import COMPRESSED, OPEN, SWITCH, UPGRADE

MIB = 1 << 20
SLOW = 6
EACH = 64 * MIB


@pytest.mark.timeout(180)
async def test_readers_that_do_not_read_stop_the_relay_and_take_no_memory(
    tmp_path: Path, scripted: ScriptedRelay
) -> None:
    chunk = frame(b'["EVENT","s",{"content":"' + b"x" * 65_000 + b'"}]', masked=False)
    times = EACH // len(chunk)
    sent = 0

    async def stream(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _ in range(times):
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)

    async with running_ingest(tmp_path, scripted.url) as ingest:
        streams, readers = [], []
        memory = ingest.tap_process(0).memory_info
        for _ in range(SLOW):
            # a limit of one byte stops this reader, and so the client, from taking anything by itself
            reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port, limit=1)
            writer.write(UPGRADE + b"\r\n")
            _, relay = await scripted.accepted()
            relay.write(SWITCH + b"\r\n")
            readers.append((reader, writer))
            streams.append(relay)
        before = memory().rss
        streaming = [asyncio.ensure_future(stream(relay)) for relay in streams]
        last = -1.0

        async def nothing_moves() -> bool:
            nonlocal last
            known, last = last, await ingest.total("tap_bytes_total", direction="out")
            await asyncio.sleep(1.2)  # longer than two reports of the tap
            return known == last > 0

        await eventually(nothing_moves, "the relay to be stopped")
        assert not any(each.done() for each in streaming)
        assert sent < SLOW * EACH / 2
        assert memory().rss - before < SLOW * MIB + 20 * MIB
        assert (await ingest.total("tap_unread_connections_total")) == 0
        # The first one reads on in the end, and gets everything.
        reader, _ = readers[0]
        got = 0
        async with asyncio.timeout(DEADLINE):
            while got < len(SWITCH) + 2 + times * len(chunk):
                got += len(await reader.read(MIB))
        await streaming[0]
        for each in streaming[1:]:
            each.cancel()
        await asyncio.gather(*streaming, return_exceptions=True)
        for _, writer in readers:
            writer.close()


@pytest.mark.parametrize("side", ["client", "relay"])
async def test_a_message_without_end_is_forwarded_counted_once_and_not_kept(
    side: str, scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    settings = make_settings(scripted.url, tap_max_message_bytes=1024)
    piece = random.Random(5).randbytes(50_000)
    masked = side == "client"
    data = b"".join(frame(piece, 2 if number == 0 else 0, final=False, masked=masked) for number in range(40))
    async with running_tap(settings) as tap:
        direct = await scripted.play([*OPEN, (side, data)])  # type: ignore[list-item]
        tapped = await scripted.play([*OPEN, (side, data)], tap.port)  # type: ignore[list-item]
        assert tapped == direct
    counters = tap.observer.counters
    oversized = counters.client.oversized + counters.relay.oversized
    assert (oversized, counters.unreadable, counters.failures) == (1, 0, 0)


async def test_a_bomb_is_forwarded_and_costs_the_reading_of_its_connection_only(
    scripted: ScriptedRelay, make_settings: MakeSettings
) -> None:
    settings = make_settings(scripted.url)
    bomb = frame(Deflater(12)(b"0" * (20 * MIB)), rsv=0x40)
    after = frame(b'["REQ","s",{}]')
    async with running_tap(settings) as tap:
        transcript = await scripted.play([*COMPRESSED, ("client", bomb), ("client", after)], tap.port)
        assert transcript.relay.endswith(bomb + after)
    assert (tap.observer.counters.unreadable, tap.observer.counters.failures) == (1, 0)
    (connection,) = (each for batch in spooled(settings) for each in batch.connections)
    assert connection.bytes_in == len(transcript.relay)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.binary(max_size=2000).map(lambda data: Deflater()(data)),
            st.tuples(st.binary(min_size=1, max_size=4), st.integers(1, 200_000)).map(
                lambda pair: Deflater()(pair[0] * pair[1])
            ),
            st.tuples(st.binary(max_size=500), st.integers(0, 400), st.binary(max_size=5)).map(
                lambda parts: _damaged(Deflater()(parts[0]), parts[1], parts[2])
            ),
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_hostile_compression_raises_nothing_and_inflates_to_a_bound(parts: list[bytes], takeover: bool) -> None:
    limit = 4096
    inflated: list[int] = []
    reader = FrameReader(lambda payload, size, wire, now: inflated.append(size), limit)
    reader.inflater = Inflater(15, not takeover, limit)
    data = b"".join(frame(part, rsv=0x40) for part in parts)
    reader.feed(data, 0.0)
    reader.finish()
    assert reader.fed == len(data) == reader.claimed + reader.unread
    assert max(inflated, default=0) <= (INFLATE_LIMIT + 1) * limit


def _damaged(data: bytes, place: int, noise: bytes) -> bytes:
    place = min(place, len(data))
    return data[:place] + noise + data[place + len(noise) :]
