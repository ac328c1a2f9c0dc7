"""Which answer belongs to which message: NOSTR.md's table, and what real relays make of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.talk import HEADER, ID, OTHER_ID, PUBKEY, Talk, event


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (["OK", ID, True, ""], "ok", None),
        (["OK", ID, True], "ok", None),
        (["OK", ID, True, "mute: no one was listening"], "ok", None),
        (["OK", ID, True, "duplicate: have it"], "duplicate", None),
        (["OK", ID, False, "duplicate: have it"], "duplicate", None),
        (["OK", ID, False, "blocked: no"], "rejected", "blocked"),
        (["OK", ID, False, "error: disk full"], "failed", "error"),
        (["OK", ID, False, "whatever"], "rejected", "other"),
        (["OK", ID, False, ""], "rejected", "other"),
    ],
)
def test_an_event_is_answered_by_ok(talk: Talk, answer: list[Any], outcome: str, code: str | None) -> None:
    talk.client("EVENT", event(kind=30023))
    talk.relay(*answer)
    (row,) = talk.rows
    assert talk.says() == [("EVENT", outcome, code)]
    assert (row.kind, row.event_id, row.connection, row.client) == (30023, bytes.fromhex(ID), 7, "addr:test")
    assert row.response_time_ms == pytest.approx(1.0)
    assert (row.bytes_in, row.bytes_out) == (talk.sent, talk.received)
    assert (row.payload_in, row.payload_out) == (talk.sent - HEADER, talk.received - HEADER)


def test_the_text_of_a_refusal_is_sampled_and_the_content_of_an_event_is_not_kept(talk: Talk) -> None:
    talk.client("EVENT", event(content="secret"))
    talk.relay("OK", ID, False, "invalid: \0" + "x" * 500)
    assert talk.rows[0].metadata == {"reason": "invalid: ␀" + "x" * 190}


def test_the_same_event_twice_in_flight_is_answered_in_order(talk: Talk) -> None:
    talk.client("EVENT", event())
    talk.client("EVENT", event())
    talk.relay("OK", ID, True, "")
    talk.relay("OK", ID, True, "duplicate: have it")
    assert talk.says() == [("EVENT", "ok", None), ("EVENT", "duplicate", None)]


@pytest.mark.parametrize("nameless", ["", "?"])
def test_an_ok_without_a_name_answers_the_oldest_event(talk: Talk, nameless: str) -> None:
    talk.client("AUTH", event("11" * 32, 22242))
    talk.client("EVENT", event(ID))
    talk.client("EVENT", event(OTHER_ID))
    talk.relay("OK", nameless, False, "invalid: bad signature")
    (row,) = talk.rows
    assert (row.event_id, row.outcome) == (bytes.fromhex(ID), "rejected")
    assert row.metadata is not None
    assert row.metadata["inferred"] is True


def test_an_ok_for_an_event_nobody_sent_answers_nothing(talk: Talk) -> None:
    talk.client("EVENT", event(ID))
    talk.relay("OK", OTHER_ID, True, "")
    assert talk.rows == []
    assert talk.pairing.other.wire == talk.received


def test_the_relay_may_send_an_event_back_before_its_ok(talk: Talk) -> None:
    talk.client("REQ", "s", {})
    talk.relay("EOSE", "s")
    talk.client("EVENT", event())
    talk.relay("EVENT", "s", event())
    talk.relay("OK", ID, True, "")
    assert talk.says() == [("REQ", "ok", None), ("EVENT", "ok", None)]
    assert talk.pairing.other.events == 1


def test_a_req_counts_stored_events_until_eose_and_later_ones_apart(talk: Talk) -> None:
    talk.client("REQ", "s", {"kinds": [1]}, {"authors": [PUBKEY], "limit": 10})
    talk.relay("EVENT", "s", event())
    talk.relay("EVENT", "s", event(OTHER_ID))
    talk.relay("EOSE", "s", "finish")
    stored = talk.received
    talk.relay("EVENT", "s", event())
    talk.client("CLOSE", "s")
    talk.relay("EVENT", "s", event())
    row = talk.rows[0]
    assert (row.event_type, row.outcome, row.events_out, row.bytes_out) == ("REQ", "ok", 2, stored)
    assert row.first_event_ms == pytest.approx(1.0)
    assert row.response_time_ms == pytest.approx(3.0)
    assert row.metadata is not None
    assert row.metadata["filters"] == 2
    assert (talk.pairing.other.events, talk.pairing.other.wire) == (2, talk.received - stored)


@pytest.mark.parametrize(
    ("reason", "outcome", "code"),
    [
        ("auth-required: who are you", "rejected", "auth-required"),
        ("ERROR: bad req: unknown filter", "rejected", "bad-req"),
        ("error: shutting down", "failed", "error"),
        ("", "rejected", "closed"),
    ],
)
def test_a_req_may_be_refused_by_closed(talk: Talk, reason: str, outcome: str, code: str) -> None:
    talk.client("REQ", "s", {})
    talk.relay("CLOSED", "s", reason)
    assert talk.says() == [("REQ", outcome, code)]


def test_two_reqs_of_one_id_with_two_eoses(talk: Talk) -> None:
    talk.client("REQ", "s", {})
    talk.client("REQ", "s", {"kinds": [1]})
    talk.relay("EVENT", "s", event())
    talk.relay("EOSE", "s")
    talk.relay("EOSE", "s")
    assert talk.says() == [("REQ", "ok", None), ("REQ", "ok", None)]
    assert [row.events_out for row in talk.rows] == [1, 0]
    assert talk.pairing.pending == 0


def test_two_reqs_of_one_id_with_one_eose_belongs_to_the_newer(talk: Talk) -> None:
    talk.client("REQ", "s", {})
    talk.client("REQ", "s", {"kinds": [1]})
    talk.relay("EVENT", "s", event())
    talk.relay("EOSE", "s")
    talk.wait(10)
    assert talk.says() == [("REQ", "cancelled", None), ("REQ", "ok", None)]
    assert [row.events_out for row in talk.rows] == [0, 1]
    assert talk.rows[1].response_time_ms == pytest.approx(2.0)


def test_two_reqs_of_one_id_with_an_eose_and_a_notice(talk: Talk) -> None:
    talk.client("REQ", "s", {})
    talk.client("REQ", "s", {})
    talk.relay("EOSE", "s")
    talk.relay("NOTICE", "subscription id in use")
    talk.wait(40)
    assert talk.says() == [("REQ", "cancelled", None), ("REQ", "ok", None)]
    assert talk.pairing.other.notices == 1


def test_a_req_on_an_open_id_replaces_it_and_has_its_own_answer(talk: Talk) -> None:
    for _ in range(3):
        talk.client("REQ", "s", {})
        talk.relay("EVENT", "s", event())
        talk.relay("EOSE", "s")
    assert talk.says() == [("REQ", "ok", None)] * 3
    assert [row.events_out for row in talk.rows] == [1, 1, 1]


@pytest.mark.parametrize("eose", [True, False])
def test_req_then_close_is_cancelled_whether_eose_comes_or_not(talk: Talk, eose: bool) -> None:
    talk.client("REQ", "s", {})
    talk.client("CLOSE", "s")
    if eose:
        talk.relay("EVENT", "s", event())
        talk.relay("EOSE", "s")
    talk.wait(60)
    assert talk.says() == [("REQ", "cancelled", None), ("CLOSE", "ok", None)]
    assert talk.rows[0].response_time_ms is None
    assert (talk.pairing.other.wire, talk.pairing.pending) == (talk.received, 0)


def test_the_late_eose_of_a_closed_req_does_not_answer_the_next_of_that_id(talk: Talk) -> None:
    talk.client("REQ", "s", {})
    talk.client("CLOSE", "s")
    talk.client("REQ", "s", {})
    talk.relay("EOSE", "s")
    talk.now += 1
    talk.relay("EVENT", "s", event())
    talk.relay("EOSE", "s")
    assert talk.says() == [("REQ", "cancelled", None), ("CLOSE", "ok", None), ("REQ", "ok", None)]
    assert talk.rows[2].response_time_ms == pytest.approx(1003.0)
    assert talk.rows[2].events_out == 1


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (["COUNT", "c", {"count": 5}], "ok", None),
        (["CLOSED", "c", "unsupported: no counts"], "rejected", "unsupported"),
        (["NOTICE", "unknown command"], "unanswered", "unanswered"),
        (None, "unanswered", "unanswered"),
    ],
)
def test_count(talk: Talk, answer: list[Any] | None, outcome: str, code: str | None) -> None:
    talk.client("COUNT", "c", {"kinds": [1]})
    if answer:
        talk.relay(*answer)
    talk.wait(31)
    assert talk.says() == [("COUNT", outcome, code)]


def test_a_req_and_a_count_may_share_an_id(talk: Talk) -> None:
    talk.client("COUNT", "x", {})
    talk.client("REQ", "x", {})
    talk.relay("EOSE", "x")
    talk.relay("COUNT", "x", {"count": 1})
    assert talk.says() == [("REQ", "ok", None), ("COUNT", "ok", None)]


def test_negentropy_has_a_namespace_of_its_own(talk: Talk) -> None:
    talk.client("REQ", "n", {})
    talk.client("NEG-OPEN", "n", {}, "6100")
    talk.relay("NEG-MSG", "n", "6100")
    talk.client("NEG-MSG", "n", "6101")
    talk.relay("NEG-ERR", "n", "closed: took too long")
    talk.client("NEG-MSG", "n", "6102")
    talk.client("NEG-CLOSE", "n")
    talk.relay("EOSE", "n")
    assert talk.says() == [
        ("NEG-OPEN", "ok", None),
        ("NEG-MSG", "rejected", "closed"),
        ("NEG-MSG", "cancelled", None),
        ("NEG-CLOSE", "ok", None),
        ("REQ", "ok", None),
    ]


def test_authentication_names_the_client_from_then_on(talk: Talk) -> None:
    other = "12" * 32
    talk.relay("AUTH", "challenge")
    talk.client("AUTH", event(ID, 22242))
    talk.relay("OK", ID, True, "")
    talk.client("CLOSE", "s")
    talk.client("AUTH", event(OTHER_ID, 22242, pubkey=other))
    talk.relay("OK", OTHER_ID, True, "")
    assert [row.client for row in talk.rows] == [PUBKEY, PUBKEY, other]
    assert talk.pairing.rows.identities == {PUBKEY, other}
    assert talk.rows[2].metadata == {"identities": 2}


def test_a_refused_authentication_names_nobody(talk: Talk) -> None:
    talk.client("AUTH", event(ID, 22242))
    talk.relay("OK", ID, False, "invalid: wrong challenge")
    assert (talk.rows[0].client, talk.pairing.rows.identities) == ("addr:test", frozenset())


def test_an_event_nobody_answers_is_unanswered_and_has_no_response_time(talk: Talk) -> None:
    talk.client("EVENT", event())
    talk.wait(29)
    assert (talk.rows, talk.pairing.pending) == ([], 1)
    talk.wait(2)
    assert talk.says() == [("EVENT", "unanswered", "unanswered")]
    assert talk.rows[0].response_time_ms is None
    talk.relay("OK", ID, True, "")
    assert len(talk.rows) == 1


def test_what_waits_when_the_connection_ends_is_abandoned(talk: Talk) -> None:
    talk.client("EVENT", event())
    talk.client("REQ", "s", {})
    talk.relay("EVENT", "s", event())
    talk.pairing.close()
    assert talk.says() == [("EVENT", "abandoned", None), ("REQ", "abandoned", None)]
    assert talk.rows[1].events_out == 1


def test_more_than_the_cap_gives_the_oldest_up() -> None:
    talk = Talk(max_pending=2)
    for number in range(3):
        talk.client("EVENT", event(f"{number:064x}"))
    assert talk.says() == [("EVENT", "unanswered", "unanswered")]
    assert talk.pairing.pending == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b'{"EVENT": 1}',
        b"[]",
        b'["EVENT"]',
        b'["HELLO", "world"]',
        b'["REQ", "\xff"]',
        b'["EVENT", {"id": "x", "kind": 1180591620717411303424}]',
        b'["EVENT", {"id": "x", "kind": -1}]',
        b'["EVENT", {"id": 5, "kind": 1}]',
        b'["REQ", ' + b"[" * 200_000,
        b'["REQ", "a"] trailing',
        b"\x00\x01\x02",
    ],
)
def test_what_is_no_message_is_other(talk: Talk, raw: bytes) -> None:
    talk.client(raw=raw)
    talk.relay(raw=raw)
    assert talk.says() == [("OTHER", "ok", None)]


def test_an_id_that_is_none_leaves_the_column_empty(talk: Talk) -> None:
    talk.client("EVENT", event("\0 not hex"))
    talk.relay("OK", "\0 not hex", False, "invalid: id")
    assert talk.rows[0].event_id is None
    assert talk.says() == [("EVENT", "rejected", "invalid")]


def test_an_id_may_be_escaped_in_another_way_by_the_relay(talk: Talk) -> None:
    talk.client(raw='["REQ","né\\"w",{}]'.encode())
    talk.relay(raw=b'["EOSE","n\\u00e9\\"w"]')
    assert talk.says() == [("REQ", "ok", None)]


def test_a_shape_tells_queries_apart_but_not_what_they_ask_for() -> None:
    def shape(*filters: Any) -> str:
        talk = Talk()
        talk.client("REQ", "s", *filters)
        talk.relay("EOSE", "s")
        assert talk.rows[0].metadata is not None
        return str(talk.rows[0].metadata["shape"])

    assert shape({"kinds": [1], "authors": ["a"]}) == shape({"authors": ["b"], "kinds": [7]})
    assert shape({"authors": ["a"] * 7}) == shape({"authors": ["b"] * 9})
    assert shape({"authors": ["a"]}) != shape({"authors": ["a"] * 400})
    assert shape({"limit": 5}) != shape({"limit": 5000})
    assert shape({"kinds": [1]}) != shape({"kinds": [1]}, {"kinds": [1]})


ids = st.sampled_from([ID, OTHER_ID, "", "?"])
subs = st.sampled_from(["a", "b", "c"])
anything: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(), st.text(max_size=5), st.just({}), st.lists(st.integers(), max_size=2)
)
spoken = st.one_of(
    st.tuples(st.just("client"), st.just("EVENT"), st.builds(event, ids)),
    st.tuples(st.just("client"), st.just("AUTH"), st.builds(event, ids)),
    st.tuples(
        st.just("client"), st.sampled_from(["REQ", "COUNT", "CLOSE", "NEG-OPEN", "NEG-MSG", "NEG-CLOSE", "X"]), subs
    ),
    st.tuples(st.just("client"), anything, anything),
    st.tuples(st.just("relay"), st.just("OK"), ids, st.booleans(), st.sampled_from(["", "duplicate:", "blocked: no"])),
    st.tuples(st.just("relay"), st.just("EVENT"), subs, st.just({})),
    st.tuples(st.just("relay"), st.sampled_from(["EOSE", "CLOSED", "COUNT", "NEG-MSG", "NEG-ERR", "NOTICE"]), subs),
    st.tuples(st.just("relay"), anything, anything),
    st.tuples(st.just("wait"), st.floats(0, 40)),
)


@given(st.lists(spoken, max_size=60), st.integers(1, 8))
def test_one_row_for_each_client_message_and_every_byte_once(said: list[tuple[Any, ...]], cap: int) -> None:
    talk = Talk(max_pending=cap)
    sent = 0
    for who, *words in said:
        if who == "client":
            talk.client(*words)
            sent += 1
        elif who == "relay":
            talk.relay(*words)
        else:
            talk.wait(words[0])
        assert len(talk.rows) + talk.pairing.pending == sent
    talk.pairing.close()
    assert len(talk.rows) == sent
    assert sum(row.bytes_in for row in talk.rows) == talk.sent
    assert sum(row.bytes_out for row in talk.rows) + talk.pairing.other.wire == talk.received
    assert sum(row.events_out for row in talk.rows) + talk.pairing.other.events == sum(
        1 for who, *words in said if who == "relay" and words[0] == "EVENT"
    )
    assert talk.pairing.pending == 0


def test_what_waits_for_long_is_told_by_its_oldest_messages(talk: Talk) -> None:
    assert talk.pairing.overdue(talk.now + 10, 20) == {}
    for number in range(6):
        talk.client("EVENT", event(f"{number:064x}", kind=21000 if number < 4 else 1))
    talk.client("REQ", "sub", {})
    assert talk.pairing.overdue(talk.now - 100, 20) == {}
    assert talk.pairing.overdue(talk.now + 1, 20) == {("EVENT", 21000): 4, ("EVENT", 1): 2, ("REQ", None): 1}
    assert talk.pairing.overdue(talk.now + 1, 4) == {("EVENT", 21000): 7}
    talk.client("CLOSE", "sub")
    for number in range(6):
        talk.relay("OK", f"{number:064x}", True, "")
    assert talk.pairing.overdue(talk.now + 1, 20) == {}
