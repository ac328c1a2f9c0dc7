"""`POST /v1/events`: what is taken, what is refused, and how that is said."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import httpx2 as httpx
import pytest

from core.settings import Settings
from core.storage.database import Database
from core.storage.verify import verify
from ingest.collector.collecting import MOST_RECORDS
from ingest.collector.inflate import MOST_MEMBERS
from ingest.writer import Writer
from tests.collector.conftest import MakeSettings, Running, Sender, events, refusals, spooled
from tests.endtoend.stack import eventually

GOOD = b'{"client_id":"alice"}\n{"client_id":"bob"}\n'


def lines(*records: dict[str, Any]) -> bytes:
    return b"\n".join(json.dumps(record).encode() for record in records)


async def test_a_batch_is_answered_when_it_is_in_the_spool(sender: Sender, settings: Settings) -> None:
    answer = await sender.post(GOOD)
    assert answer.status_code == 200
    assert answer.json() == {"batch": "batch-1", "taken": 2, "refused": 0, "repeated": False, "reasons": []}
    (batch,) = spooled(settings)
    assert [event.client for event in batch.events] == ["alice", "bob"]
    assert (batch.relay, batch.sequence) == ("chat", 1)


async def test_a_repeated_batch_is_answered_again_and_kept_once(running: Running, settings: Settings) -> None:
    async with running() as sender:
        await sender.post(GOOD)
        again = await sender.post(GOOD)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    async with running() as sender:  # a restart
        assert (await sender.post(GOOD)).json()["repeated"]
        assert not (await sender.post(GOOD, "batch-2")).json()["repeated"]
    assert len(spooled(settings)) == 2


async def test_a_batch_repeated_at_the_same_time_is_kept_once(sender: Sender, settings: Settings) -> None:
    answers = await asyncio.gather(*(sender.post(GOOD) for _ in range(10)))
    assert sorted(answer.json()["repeated"] for answer in answers) == [False, *[True] * 9]
    assert len(spooled(settings)) == 1


async def test_a_repeated_batch_counts_once_also_when_the_database_has_it(
    running: Running, settings: Settings, database: Database
) -> None:
    writer = Writer(settings, lambda _: database)
    async with running() as sender:
        for _ in range(3):
            await sender.post(GOOD + b'{"kind":-1,"client_id":"alice"}')
            writer.step()
    writer.close()
    assert spooled(settings) == []
    with database.borrow() as connection:
        stored = connection.execute("SELECT client_id, relay FROM traffic_events ORDER BY 1").fetchall()
        quarantined = connection.execute("SELECT reason, n, sample FROM quarantine").fetchall()
        counted = connection.execute("SELECT fate, n FROM ingest_counts WHERE source LIKE 'collector:%' ORDER BY 1")
        assert counted.fetchall() == [("quarantined", 1), ("received", 3), ("stored", 2)]
    assert stored == [("alice", "chat"), ("bob", "chat")]
    assert quarantined == [("kind: expected int >= 0", 1, "kind: -1")]
    assert verify(database) == []


async def test_bad_records_cost_only_themselves(sender: Sender, settings: Settings) -> None:
    body = b'{"client_id":"a"}\n{"client_id":\n\n{"client_id":"b","kind":70000}\nnull\n{"client_id":"c"}\r\n'
    answer = (await sender.post(body)).json()
    assert (answer["taken"], answer["refused"]) == (2, 3)
    assert answer["reasons"] == [
        {"record": 2, "reason": "Input data was truncated"},
        {"record": 3, "reason": "kind: expected int <= 65535"},
        {"record": 4, "reason": "Expected object, got null"},
    ]
    assert [event.client for event in events(settings)] == ["a", "c"]
    assert [(each.reason, each.count, each.sample) for each in refusals(settings)] == [
        ("Input data was truncated", 1, ""),
        ("kind: expected int <= 65535", 1, "kind: 70000"),
        ("Expected object, got null", 1, ""),
    ]


async def test_an_answer_names_the_first_reasons_only(sender: Sender) -> None:
    answer = (await sender.post(b'{"client_id":1}\n' * 500 + GOOD)).json()
    assert (answer["taken"], answer["refused"]) == (2, 500)
    assert [each["record"] for each in answer["reasons"]] == list(range(1, 11))


async def test_a_batch_without_a_good_record_is_an_error_and_quarantined(sender: Sender, settings: Settings) -> None:
    answer = await sender.post(b"this is no JSON")
    assert (answer.status_code, answer.json()["refused"]) == (422, 1)
    assert answer.headers["content-type"] == "application/problem+json"
    assert [each.count for each in refusals(settings)] == [1]


async def test_gzip_is_inflated(sender: Sender, settings: Settings) -> None:
    body = gzip.compress(GOOD) + gzip.compress(b'{"client_id":"carol"}')
    assert (await sender.post(body, **{"Content-Encoding": "gzip"})).json()["taken"] == 3
    assert [event.client for event in events(settings)] == ["alice", "bob", "carol"]


@pytest.fixture
def limit(make_settings: MakeSettings, tokens_database: Database) -> Settings:
    return make_settings(database_url=tokens_database.dsn, collector_max_message_bytes=100_000)


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        pytest.param(b" " * 100_001, "identity", 413, id="too large"),
        pytest.param(gzip.compress(b" " * 100_001), "gzip", 413, id="too large when inflated"),
        pytest.param(gzip.compress(b" " * 500_000_000, 1), "gzip", 413, id="a bomb"),
        pytest.param(gzip.compress(gzip.compress(b" " * 100_000))[:-9], "gzip", 400, id="cut off"),
        pytest.param(gzip.compress(b" ") * (MOST_MEMBERS + 1), "gzip", 400, id="too many members"),
        pytest.param(GOOD, "gzip", 400, id="no gzip"),
        pytest.param(GOOD, "br", 415, id="another encoding"),
        pytest.param(b"{}\n" * (MOST_RECORDS + 1), "identity", 413, id="too many records"),
    ],
)
async def test_what_is_too_large_or_cannot_be_inflated_is_refused(
    running: Running, limit: Settings, body: bytes, encoding: str, status: int
) -> None:
    async with running(limit) as sender:
        answer = await sender.post(body, **{"Content-Encoding": encoding})
        assert answer.status_code == status
        problem = answer.json()
        assert (problem["status"], problem["type"]) == (status, "about:blank")
        assert problem["detail"]
        assert (await sender.post(GOOD)).status_code == 200
        assert sender.collector.keeper.pending_bytes == 0


async def test_a_chunked_body_is_cut_at_the_limit_too(running: Running, limit: Settings) -> None:
    async with running(limit) as sender:
        reader, writer = await asyncio.open_connection("127.0.0.1", sender.port)
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sender.token}\r\nBatch-Id: 1\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(head.encode() + b"1000\r\n" + b" " * 4096 + b"\r\n")
        writer.write((b"1000\r\n" + b" " * 4096 + b"\r\n") * 30)
        assert (await reader.readline()).split()[1] == b"413"
        writer.close()


async def test_a_batch_needs_an_id(sender: Sender) -> None:
    for batch in (None, "", "a b", "x" * 101, "a\tb", "a,b"):
        answer = await sender.post(GOOD, batch)
        assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request"), batch


async def test_only_known_tokens_are_let_in(sender: Sender) -> None:
    for given in ("", "Bearer", "Bearer ras_unknown", "Basic cmFzXw==", "Bearer rat_0123"):
        answer = await sender.post(GOOD, Authorization=given)
        assert (answer.status_code, answer.json()["detail"]) == (401, "The token is missing, unknown or revoked.")
        assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_other_paths_and_methods_are_named(sender: Sender) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{sender.port}") as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/v1/events")).status_code == 405
        assert (await client.post("/")).status_code == 404


async def test_records_of_several_relays_are_a_batch_each(sender: Sender, settings: Settings) -> None:
    records = ({"client_id": "a", "relay": "one"}, {"client_id": "b"}, {"client_id": "c", "relay": "one"})
    assert (await sender.post(lines(*records))).json()["taken"] == 3
    assert {batch.relay: [event.client for event in batch.events] for batch in spooled(settings)} == {
        "chat": ["b"],
        "one": ["a", "c"],
    }


async def test_a_full_spool_sends_batches_away_until_there_is_room(
    running: Running, make_settings: MakeSettings, tokens_database: Database, database: Database
) -> None:
    small = make_settings(database_url=tokens_database.dsn, spool_max_bytes=1024**2)
    body = lines(*({"client_id": f"{number:0200x}"} for number in range(1000)))
    async with running(small) as sender:
        answers = [await sender.post(body, f"batch-{number}") for number in range(6)]
        assert answers[0].status_code == 200
        assert (answers[-1].status_code, answers[-1].headers["retry-after"]) == (503, "1")
        kept = sum(answer.status_code == 200 for answer in answers)
        assert len(spooled(small)) == kept
        writer = Writer(small, lambda _: database)
        writer.step()
        writer.close()
        answers.clear()

        async def taken() -> bool:
            answers.append(await sender.post(body, "batch-5"))
            return answers[-1].status_code == 200

        await eventually(taken, "the collector to try the spool again")
        assert answers[-1].json()["repeated"] is False
        assert (await sender.post(body, "batch-0")).json()["repeated"] is True


async def test_the_database_may_be_away(running: Running, settings: Settings, make_settings: MakeSettings) -> None:
    """Tokens that were known stay valid, new ones cannot be checked; nothing that is taken waits for the database."""
    away = make_settings(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    async with running() as sender:
        await sender.post(GOOD)
    async with running(away) as sender:
        assert (await sender.post(GOOD, "batch-2")).status_code == 200
        unknown = await sender.post(GOOD, Authorization="Bearer ras_another")
        assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "1")
        assert (await sender.post(GOOD, Authorization="Bearer something else")).status_code == 401
    assert len(spooled(settings)) == 2
