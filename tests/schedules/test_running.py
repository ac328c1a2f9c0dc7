"""Entries of the ledger, made and delivered for real: what comes, how it is tried again, what a kill leaves behind."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from core.accounts import users
from core.apart import named
from core.audit import Actor
from core.exceptions import BadParameterError, DeliveryFailed, NotAllowedError, ReportFailedError
from core.schedules import ledger, running, store
from core.schedules.due import enter_due
from core.schedules.ledger import Run
from core.settings import ROOT, Settings
from core.storage.database import Database
from tests.delivery.receivers import hook_server, settings, smtp_server
from tests.schedules.conftest import ADMIN, DAILY, MADE_AT, Make
from tests.support.traffic import messages, samples, write

DUE = datetime(2026, 1, 2, 6, tzinfo=UTC)
NOW = DUE + timedelta(seconds=2)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are made in this process, which spares seconds; where a test says so, apart as always."""
    if "apart" not in request.keywords:
        monkeypatch.setattr(running, "apart", lambda function, *arguments, seconds: named(function)(*arguments))


@pytest.fixture
def traffic(database: Database) -> None:
    """Sixty REQs of the first of January, and samples up to the time of the report."""
    write(database, messages(MADE_AT, 60), samples(NOW + HOUR))


def only(database: Database) -> Run:
    (run,) = ledger.listing(database)
    return run


def send(database: Database, configured: Settings, now: datetime = NOW) -> str:
    enter_due(database, now)
    return running.run(database, configured, only(database).run_id, now)


def files(configured: Settings) -> dict[str, Path]:
    return {path.name: path for path in sorted(configured.delivery_root.rglob("*")) if path.is_file()}


@pytest.mark.usefixtures("traffic")
def test_csv_has_a_file_for_each_table_with_rows(database: Database, schedule: Make, configured: Settings) -> None:
    schedule()
    send(database, configured)
    written = files(configured)
    assert "daily-traffic_2026-01-01_2026-01-01_timeline.csv" in written
    text = written["daily-traffic_2026-01-01_2026-01-01_event_types.csv"].read_text()
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["event_type"], row["events"]) == ("REQ", "60")
    run = only(database)
    assert (run.state, run.attempts, run.error) == ("delivered", 1, None)
    assert "wrote" in (run.detail or "")


@pytest.mark.usefixtures("traffic")
def test_json_and_xlsx_have_every_table(database: Database, schedule: Make, configured: Settings) -> None:
    for name, form in (("As JSON", "json"), ("As XLSX", "xlsx")):
        schedule(name=name, file_format=form)
    enter_due(database, NOW)
    for run in ledger.listing(database):
        running.run(database, configured, run.run_id, NOW)
    written = files(configured)
    found = json.loads(written["as-json_2026-01-01_2026-01-01.json"].read_text())
    assert sum(row["events"] for row in found["data"]["timeline"]) == 60
    assert found["meta"]["time_zone"] == "UTC"
    book = openpyxl.load_workbook(written["as-xlsx_2026-01-01_2026-01-01.xlsx"])
    assert book.sheetnames[:2] == ["timeline", "event_types_over_time"]


@pytest.mark.apart
@pytest.mark.usefixtures("traffic")
def test_a_mail_has_the_numbers_as_text_and_html_with_drawn_charts(database: Database, schedule: Make) -> None:
    schedule(channel="books", kind="mail", address="ann@example.org", file_format="html")
    with smtp_server() as box:
        send(
            database,
            settings(
                smtp_host="localhost", smtp_port=box.port, smtp_tls="off", smtp_from="ra@example.org",
                relay_name="relay.example",
            ),
        )  # fmt: skip
    (mail,) = box.mails
    assert mail["Subject"] == "Traffic, Thursday, 1 January 2026 · relay.example"
    assert mail["Message-ID"] == "<schedule-1-20260101-20260101@example.org>"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    for body in (text.get_content(), html.get_content()):
        for said in ("60", "12.0 kB", "relay.example", "Days end at midnight in UTC", "Daily traffic"):
            assert said in body
    shown = [part["Content-ID"] for part in mail.walk() if part.get_content_type() == "image/png"]
    assert shown == ["<logo>", "<chart-traffic>"]
    assert all(f"cid:{cid.strip('<>')}" in html.get_content() for cid in shown)


@pytest.mark.usefixtures("traffic")
def test_a_pdf_is_set_for_print(database: Database, schedule: Make, configured: Settings) -> None:
    schedule(file_format="pdf", filters={"event_type": "REQ"})
    send(database, configured)
    (pdf,) = files(configured).values()
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    parts = b"".join(zlib.decompress(part) for part in re.findall(rb"stream\n(x.*?)\nendstream", content, re.DOTALL))
    title = "Traffic, Thursday, 1 January 2026".encode("utf-16-be").hex()
    assert title.encode() in parts.lower()


def test_a_report_on_nothing_is_skipped_where_that_is_wanted(
    database: Database, schedule: Make, configured: Settings
) -> None:
    write(database, [], samples(NOW + HOUR))
    schedule(skip_empty=True)
    assert send(database, configured) == "Nothing happened in these days; not sent."
    run = only(database)
    assert run.state == "skipped-empty"
    assert files(configured) == {}
    ledger.send_again(database, ADMIN, store.OPERATOR, run.run_id, NOW)
    running.run(database, configured, run.run_id, NOW)
    assert only(database).state == "delivered"


def test_it_waits_for_the_last_messages_of_its_days_but_not_for_ever(
    database: Database, schedule: Make, configured: Settings
) -> None:
    midnight = datetime(2026, 1, 2, tzinfo=UTC)
    write(database, messages(MADE_AT, 60), samples(midnight - timedelta(minutes=2)))
    schedule(cron="0 0 * * *")
    assert "Waits" in send(database, configured, midnight)
    run = only(database)
    assert (run.state, run.attempts) == ("waiting", 0)
    assert "Waits" in (run.error or "")
    running.run(database, configured, run.run_id, midnight + running.PATIENCE)
    assert only(database).state == "delivered"


@pytest.mark.usefixtures("traffic")
def test_a_mail_server_that_comes_back_gets_it_once(database: Database, schedule: Make) -> None:
    schedule(channel="books", kind="mail", address="ann@example.org", file_format="csv")
    with smtp_server() as box:
        away = box.port
    options = settings(smtp_host="localhost", smtp_port=away, smtp_tls="off", smtp_from="ra@example.org")
    for _ in range(3):
        with pytest.raises(DeliveryFailed, match="cannot be reached"):
            send(database, options)
    run = only(database)
    assert (run.state, run.attempts) == ("waiting", 3)
    assert "cannot be reached" in (run.error or "")
    with smtp_server(port=away) as box:
        send(database, options)
        assert "finished" in send(database, options)
    assert [mail["Message-ID"] for mail in box.mails] == ["<schedule-1-20260101-20260101@example.org>"]
    assert (only(database).state, only(database).error) == ("delivered", None)


@pytest.mark.usefixtures("traffic")
def test_recipients_who_have_it_are_remembered_for_the_next_attempt(database: Database, schedule: Make) -> None:
    schedule(channel="books", kind="mail", address="ann@example.org, bob@example.org", file_format="csv")
    with smtp_server() as box:
        options = settings(smtp_host="localhost", smtp_port=box.port, smtp_tls="off", smtp_from="ra@example.org")
        box.refuse = {"bob@example.org": "450 later"}
        with pytest.raises(DeliveryFailed):
            send(database, options)
        assert only(database).reached == ["ann@example.org"]
        box.refuse = {}
        send(database, options)
    assert sorted(box.recipients) == ["ann@example.org", "bob@example.org"]


@pytest.mark.usefixtures("traffic")
def test_a_webhook_that_refuses_fails_at_once_and_says_so(
    database: Database, schedule: Make, configured: Settings
) -> None:
    with hook_server() as hook:
        hook.statuses = [404]
        schedule(channel="hook", kind="webhook", address=f"http://127.0.0.1:{hook.port}/")
        with pytest.raises(ReportFailedError, match="answered 404"):
            send(database, configured)
    run = only(database)
    assert (run.state, run.attempts) == ("failed", 1)
    assert "answered 404: what the receiver says" in (run.error or "")


@pytest.mark.usefixtures("traffic")
def test_after_the_last_attempt_it_is_given_up(database: Database, schedule: Make, configured: Settings) -> None:
    with hook_server() as hook:
        hook.statuses = [503]
        schedule(channel="hook", kind="webhook", address=f"http://127.0.0.1:{hook.port}/", file_format="json")
        with database.borrow() as connection:
            enter_due(database, NOW)
            connection.execute("UPDATE schedule_runs SET attempts = %s", [running.MOST_ATTEMPTS - 1])
        with pytest.raises(ReportFailedError):
            send(database, configured)
    assert only(database).state == "failed"


@pytest.mark.usefixtures("traffic")
def test_a_late_report_says_so(database: Database, schedule: Make, configured: Settings) -> None:
    schedule(file_format="html")
    enter_due(database, NOW)
    running.run(database, configured, only(database).run_id, NOW + 5 * HOUR)
    (page,) = files(configured).values()
    assert "was due on 2 Jan 2026 at 06:00" in page.read_text()


def test_it_has_the_rights_of_its_owner_at_the_time_it_runs(
    database: Database, schedule: Make, configured: Settings
) -> None:
    schedule()
    ada = users.add(database, "ada", "a long password", MADE_AT, role="analyst")
    plan = DAILY.__class__(**{**DAILY.__dict__, "name": "Ada's"})
    store.add(database, Actor("ada", "page"), ada, plan, MADE_AT)
    users.set_active(database, "ada", False)
    enter_due(database, NOW)
    run = next(one for one in ledger.listing(database) if one.schedule_id == 2)
    with pytest.raises(ReportFailedError, match="may not sign in any more"):
        running.run(database, configured, run.run_id, NOW)
    assert ledger.get(database, run.run_id).state == "failed"


def test_others_than_the_owner_and_admins_change_nothing(database: Database, schedule: Make) -> None:
    made = schedule()
    ben = users.add(database, "ben", "a long password", MADE_AT, role="business")
    acl = users.add(database, "acl", "a long password", MADE_AT, role="client", client_id="address:1")
    for someone in (ben, acl):
        actor = Actor(someone.username, "page")
        with pytest.raises(NotAllowedError):
            store.remove(database, actor, someone, made.schedule_id, NOW)
        with pytest.raises(NotAllowedError):
            ledger.send_now(database, actor, someone, made.schedule_id, NOW)
    with pytest.raises(NotAllowedError):
        store.add(database, Actor("acl", "page"), acl, DAILY.__class__(**{**DAILY.__dict__, "name": "x"}), NOW)


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        ({"report": "realtime"}, "cannot be scheduled"),
        ({"filters": {"colour": "red"}}, "no filter 'colour'"),
        ({"filters": {"event_type": 5}}, "event"),
        ({"filters": {"start": "2026-01-01"}}, "no filter 'start'"),
        ({"time_zone": "Mars/Base"}, "time zone"),
        ({"cron": "soon"}, "cron"),
        ({"covers": "today"}, "covers|none of"),
        ({"file_format": "doc"}, "no format"),
        ({"name": " "}, "name"),
    ],
)
def test_a_plan_that_could_not_be_sent_is_refused_when_it_is_made(
    differs: dict[str, object], says: str, schedule: Make
) -> None:
    with pytest.raises(BadParameterError, match=says):
        schedule(**differs)


WORKER = """
import sys
from datetime import datetime
from core.delivery import channels
from core.schedules import running
from core.settings import Settings
from core.storage.database import Database
settings = Settings(_env_file=None, delivery_private_addresses=True)
running.run(Database(sys.argv[1]), settings, int(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
"""


@pytest.mark.usefixtures("traffic")
def test_a_worker_killed_in_the_middle_of_a_delivery_leaves_one_entry_that_is_delivered_once(
    database: Database, schedule: Make, configured: Settings
) -> None:
    called, answered = threading.Event(), threading.Event()
    with hook_server() as hook:

        def hold() -> None:
            called.set()
            answered.wait(30)

        hook.before = hold
        schedule(channel="hook", kind="webhook", address=f"http://127.0.0.1:{hook.port}/", file_format="json")
        enter_due(database, NOW)
        run = only(database)
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, database.dsn, str(run.run_id), NOW.isoformat()], cwd=ROOT, env=os.environ
        )
        assert called.wait(60)
        assert "elsewhere" in running.run(database, configured, run.run_id, NOW)  # a second worker keeps off
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        answered.set()
        hook.before = lambda: None
        assert only(database).state == "running"
        _until_free(database, run)
        running.run(database, configured, run.run_id, NOW)
    assert {call.headers["webhook-id"] for call in hook.calls} == {run.key}
    assert (only(database).state, only(database).attempts) == ("delivered", 2)


def _until_free(database: Database, run: Run) -> None:
    """Waits for the server to notice that the killed worker's connection, and its lock with it, is gone."""
    with database.connect(autocommit=True) as connection:
        for _ in range(200):
            held = connection.execute(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
                " WHERE l.locktype = 'advisory' AND d.datname = current_database()"
            ).fetchone()
            if held == (0,):
                return
            connection.execute("SELECT pg_sleep(0.02)")
    raise AssertionError("the lock of a killed worker stays")
