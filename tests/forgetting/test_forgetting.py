"""A forgotten client: nothing says who it was, and every number is as it was."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import timedelta

import pandas as pd
import pytest
from psycopg.types.json import Jsonb

from core import audit, billing, forgetting, reports
from core.accounts import tokens, users
from core.alerts.rules import Filters, Rule
from core.audit import Actor
from core.delivery import registry
from core.exceptions import ClientBilledError, InvalidTokenError, UnknownClientError
from core.records import Connection, Event, Waiting
from core.schedules import ledger as runs
from core.schedules import store
from core.schedules.schedule import Plan, Schedule
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.verify import verify
from core.storage.writer import BatchWriter
from core.tariffs import read_tariff
from tests.reports import oracle
from tests.reports.everything import every_table
from tests.support.records import batch, event, micros, sample

ALICE, BOB, CAROL = "a" * 64, "b" * 64, "key:carol"
CLIENTS = [ALICE, BOB, CAROL, "addr:0123456789abcdef0123"]
NOW = oracle.LATER
ASKED = {"start": "2026-03-20", "end": "2026-04-05", "time_zone": "Europe/Berlin"}
SECRET_ID = bytes.fromhex("5e" * 32)


def history(count: int = 400, seed: int = 1) -> list[Event]:
    """Events of four clients over two weeks, each with what leads back to its client."""
    choose = random.Random(seed)
    return [
        event(
            oracle.FIRST + timedelta(seconds=choose.randrange(14 * 86_400)), client := choose.choice(CLIENTS),
            event_type=choose.choice(["EVENT", "REQ"]), outcome="rejected" if n % 9 == 0 else "ok",
            error_code="blocked" if n % 9 == 0 else None, response_time_ms=choose.random() * 1000,
            bytes_in=n, bytes_out=2 * n, connection=1000 + CLIENTS.index(client), app=f"app of {client[:5]}",
            event_id=SECRET_ID if client == ALICE else bytes(32),
            metadata={"reason": f"blocked: {client}"} if n % 9 == 0 else {"filters": 1},
        )
        for n in range(count)
    ]  # fmt: skip


def connections() -> list[Connection]:
    at = micros(oracle.FIRST)
    return [
        Connection(1000 + place, client, "pubkey", at + place, at + 60_000_000, app="x", bytes_in=1, bytes_out=2)
        for place, client in enumerate(CLIENTS)
    ] + [Connection(1000, ALICE, "pubkey", None, at + 90_000_000_000)]


def fill(database: Database) -> None:
    """Some of it folded and built into days, some still in deltas."""
    events = history()
    with BatchWriter(database) as writer:
        writer.write([batch(events[:300], connections=connections())])
        fold(database, oracle.FIRST + timedelta(days=9, hours=5))
        writer.write([batch(events[300:380], sequence=2)])
        fold(database, NOW)
        writer.write([batch(events[380:], sequence=3)])
        writer.write([batch(samples=[sample(NOW, waiting=[Waiting("EVENT", 9, ALICE)])], sequence=5)])
        writer.write([batch([event(client="x" * 500), event(client=ALICE, bytes_in=-1)], sequence=4)])

    about_alice = [{"dimension": "client", "name": ALICE, "before": 0, "during": 1, "share": 1}]
    rule = Rule(name="of", title="Of", measure="error_share", filters=Filters(client=ALICE)).model_dump(mode="json")
    with database.borrow() as connection:
        connection.execute(
            "INSERT INTO alert_incidents (rule, definition, opened_at, why) VALUES ('of', %s, now(), %s)",
            [Jsonb(rule), Jsonb(about_alice)],
        )
        connection.execute("INSERT INTO alert_rules VALUES ('of', %s, NULL, now(), 'me')", [Jsonb(rule)])


def schedule_of(database: Database, client: str) -> Schedule:
    """A report about one client, which has failed once."""
    actor = Actor("admin", "page")
    if not registry.listing(database):
        registry.add(database, actor, "files", "directory", "x", NOW)
    plan = Plan(f"For {client}", "client", "0 6 * * *", "yesterday", "csv", "files", filters={"client": client})
    made = store.add(database, actor, store.OPERATOR, plan, NOW)
    run = runs.send_now(database, actor, store.OPERATOR, made.schedule_id, NOW)
    runs.finish(database, run.run_id, "failed", NOW, error=f"could not write {client}.csv")
    return made


def forget(database: Database, client: str, *, include_bills: bool = False) -> str:
    """Returns the name that it has now."""
    found = forgetting.rename(database, client, NOW, include_bills=include_bills)
    forgetting.clear_raw(database, found.client_no, NOW)
    row = database.read("SELECT client_id FROM clients WHERE client_no = %s", [found.client_no])
    return str(row["client_id"].iloc[0])


def whole_text(database: Database) -> str:
    """All tables as text."""
    with database.connect() as connection:
        names = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        ).fetchall()
        parts: list[str] = []
        for (name,) in names:
            parts += [row[0] for row in connection.execute(f"SELECT t::text FROM {name} t".encode())]
    return "\n".join(parts)


def same(before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame], names: dict[str, str]) -> None:
    """The same numbers, under other names; the texts of single errors are gone."""
    assert before.keys() == after.keys()
    for name, frame in before.items():
        wanted = frame.replace(names).drop(columns=["reason", "identity", "event_id"], errors="ignore")
        found = after[name].drop(columns=["reason", "identity", "event_id"], errors="ignore")
        pd.testing.assert_frame_equal(found, wanted, obj=name, check_dtype=False)


def test_every_number_stays_and_nothing_says_who_it_was(any_database: Database) -> None:
    fill(any_database)
    about_alice, about_bob = schedule_of(any_database, ALICE), schedule_of(any_database, BOB)
    before = every_table(any_database, [ALICE, BOB], **ASKED)
    now_alice, now_carol = forget(any_database, ALICE), forget(any_database, CAROL)
    assert now_alice != now_carol
    same(before, every_table(any_database, [now_alice, BOB], **ASKED), {ALICE: now_alice, CAROL: now_carol})
    assert verify(any_database) == []
    assert not store.get(any_database, about_alice.schedule_id).active
    assert store.get(any_database, about_bob.schedule_id) == about_bob
    text = whole_text(any_database)
    for trace in (ALICE, CAROL, SECRET_ID.hex()):
        assert trace not in text
    kept = any_database.read("SELECT event_id, app, metadata, connection FROM traffic_events WHERE client_id = %s",
                             [now_alice])  # fmt: skip
    assert kept[["event_id", "app", "metadata"]].isna().all(axis=None)
    assert set(kept["connection"]) == {0}
    assert any_database.read("SELECT count(*) AS n FROM traffic_events WHERE client_id = %s AND app IS NOT NULL",
                             [BOB])["n"].iloc[0] > 0  # fmt: skip


def test_folding_afterwards_changes_nothing(database: Database) -> None:
    fill(database)
    name = forget(database, ALICE)
    before = every_table(database, [name], **ASKED)
    fold(database, NOW)
    same(before, every_table(database, [name], **ASKED), {})
    assert verify(database) == []


@pytest.mark.timescale
def test_compressed_chunks_are_cleared_too(timescale_database: Database) -> None:
    fill(timescale_database)
    with timescale_database.connect(autocommit=True) as connection:
        for table in ("traffic_events_raw", "connections_raw"):
            connection.execute("SELECT compress_chunk(c) FROM show_chunks(%s::regclass) c", [table])
    before = every_table(timescale_database, [ALICE], **ASKED)
    name = forget(timescale_database, ALICE)
    assert SECRET_ID.hex() not in whole_text(timescale_database)
    same(before, every_table(timescale_database, [name], **ASKED), {ALICE: name})
    assert verify(timescale_database) == []


def test_a_row_that_comes_afterwards_makes_a_new_client(database: Database) -> None:
    with BatchWriter(database) as writer:  # one that knows the client's number
        writer.write([batch([event(client=ALICE)])])
        name = forget(database, ALICE)
        writer.write([batch([event(client=ALICE), event(client=BOB)], sequence=2)])
    found = database.read("SELECT client_id, count(*) AS n FROM traffic_events GROUP BY 1 ORDER BY 1")
    assert dict(zip(found["client_id"], found["n"], strict=True)) == {name: 1, ALICE: 1, BOB: 1}
    assert verify(database) == []


def test_it_works_while_others_write_and_fold(database: Database) -> None:
    stop, written = threading.Event(), []

    def write(source: str) -> None:
        with BatchWriter(database) as writer:
            for sequence in range(1, 10_000):
                if stop.is_set():
                    break
                events = history(20, sequence)
                writer.write([batch(events, source=source, sequence=sequence, connections=connections())])
                written.append(len(events))

    def folding() -> None:
        while not stop.is_set():
            fold(database, NOW)

    threads = [threading.Thread(target=write, args=(f"s{n}",)) for n in range(2)] + [threading.Thread(target=folding)]
    for thread in threads:
        thread.start()
    names: list[str] = []
    try:
        while len(names) < 3:
            try:
                names.append(forget(database, ALICE))
            except UnknownClientError:
                continue  # not written again yet
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(set(names)) == 3
    assert database.read("SELECT count(*) AS n FROM traffic_events")["n"].iloc[0] == sum(written)
    left = database.read(
        "SELECT count(*) AS n FROM traffic_events WHERE client_id LIKE 'forgotten:%%' AND event_id IS NOT NULL"
    )
    assert left["n"].iloc[0] == 0
    assert verify(database) == []


def test_an_interrupted_one_is_finished_by_the_next(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database)
    found = forgetting.rename(database, ALICE, NOW, include_bills=False)
    calls: Iterator[int] = iter(range(3))
    real = forgetting._clear_day

    def cut_off(*arguments):  # type: ignore[no-untyped-def]
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(forgetting, "_clear_day", cut_off)
        with pytest.raises(KeyboardInterrupt):
            forgetting.clear_raw(database, found.client_no, NOW)
    assert forgetting.unfinished(database) == [found.client_no]
    forgetting.clear_raw(database, found.client_no, NOW)
    assert forgetting.unfinished(database) == []
    assert SECRET_ID.hex() not in whole_text(database)


def closed(database: Database) -> None:
    tariff = read_tariff('{"currency": "EUR", "per_gb_out": "500.00", "monthly_fee": "5.00"}')
    billing.close(database, NOW, month="2026-03", tariff=tariff)
    billing.credit(database, NOW, ALICE, "1.50", "a mistake of ours", month="2026-03")


def test_a_billed_client_is_refused_unless_its_bills_are_meant(database: Database) -> None:
    fill(database)
    closed(database)
    with pytest.raises(ClientBilledError, match="period 1"):
        forget(database, ALICE)
    assert forgetting.traces(database, ALICE).bills == [(1, 0), (1, 1)]
    others = [report for report in reports.REPORTS.values() if report is not reports.billing]
    before = every_table(database, [ALICE], leave_out=others, month="2026-03")
    listed = billing.listing(database)
    name = forget(database, ALICE, include_bills=True)
    same(before, every_table(database, [name], leave_out=others, month="2026-03"), {ALICE: name})
    assert billing.listing(database) == listed  # checksums kept elsewhere still match
    assert billing.check(database) == []
    assert ALICE not in whole_text(database)


def test_a_change_of_an_erased_line_is_found(database: Database) -> None:
    fill(database)
    closed(database)
    name = forget(database, ALICE, include_bills=True)
    with database.borrow() as connection:
        connection.execute("UPDATE billing_lines SET bytes_out = bytes_out + 1 WHERE client_id = %s AND number = 0",
                           [name])  # fmt: skip
    assert [(one.period_id, one.number, one.client_id) for one in billing.check(database)] == [(1, 0, name)]


def test_users_and_tokens_of_the_client_end(database: Database) -> None:
    fill(database)
    users.add(database, "alice", "correct horse battery", NOW, role="client", client_id=ALICE)
    users.add(database, "ann", "correct horse battery", NOW)
    token, other = tokens.issue(database, "alice", NOW), tokens.issue(database, "ann", NOW)
    forget(database, ALICE)
    with pytest.raises(InvalidTokenError):
        tokens.authenticate(database, token, NOW)
    assert tokens.authenticate(database, other, NOW).username == "ann"
    assert [user.username for user in users.listing(database)] == ["ann"]


def test_the_audit_log_keeps_its_entries_without_the_name(database: Database) -> None:
    fill(database)
    users.add(database, "alice", "correct horse battery", NOW, role="client", client_id=ALICE)
    audit.record(database, audit.Actor("alice", "page"), "export.events", NOW, query={"client": ALICE, "of": [BOB]})
    audit.record(database, audit.Actor("ann", "page"), "user.add", NOW, user="alice", malice=f"not {ALICE}x")
    name = forget(database, ALICE)
    assert [(one.actor, one.details) for one in audit.entries(database)] == [
        ("ann", {"user": name, "malice": f"not {ALICE}x"}),
        (name, {"query": {"client": name, "of": [BOB]}}),
    ]


def test_nobody_of_this_name(database: Database) -> None:
    with pytest.raises(UnknownClientError):
        forgetting.traces(database, "nobody")
