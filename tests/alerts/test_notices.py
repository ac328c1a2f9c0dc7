"""Notices: one for each transition and channel, whatever dies in between, in order, and none while a rule is muted."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from core.alerts import administration, notices
from core.alerts.rules import Rule
from core.audit import Actor
from core.delivery import registry
from core.settings import ROOT, Settings
from ingest.jobs.table import TABLE
from tests.alerts.conftest import NOW, World, only
from tests.delivery.receivers import Call, Hook, hook_server
from tests.endtoend.stack import eventually
from tests.jobs.conftest import worker

RULE = Rule(
    name="errors", title="Errors", measure="error_share", threshold=20, window=30, hold=0, recover_after=0, minimum=1,
    cooldown=0,
)  # fmt: skip
ME = Actor("me", "test")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None, delivery_dir=tmp_path / "delivered", delivery_private_addresses=True, relay_name="relay.example"
    )


@pytest.fixture
def files(world: World, tmp_path: Path) -> Path:
    """A directory that is told of alerts."""
    registry.add(world.database, ME, "files", "directory", "alerts", NOW)
    administration.tell(world.database, ME, ["files"], NOW)
    return tmp_path / "delivered" / "alerts"


@contextmanager
def hooked(world: World) -> Iterator[Hook]:
    with hook_server() as hook:
        registry.add(world.database, ME, "hook", "webhook", f"http://127.0.0.1:{hook.port}/", NOW)
        administration.tell(world.database, ME, ["hook"], NOW)
        yield hook


def go_bad(world: World) -> int:
    world.pass_(10, 10, outcome="rejected", error_code="blocked", client="loud")
    return world.incidents[0].incident_id


def texts(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def send_all(world: World, settings: Settings, later: timedelta = timedelta()) -> list[str]:
    """What a worker does with the jobs that are due `later`."""
    done = []
    with world.database.connect(autocommit=True) as connection:
        due = connection.execute(
            "DELETE FROM procrastinate_jobs WHERE task_name = %s AND (scheduled_at IS NULL OR scheduled_at <= %s)"
            " RETURNING id, args",
            [notices.JOB, world.now + later],
        ).fetchall()
    for _, arguments in sorted(due):
        done.append(notices.send(world.database, settings, world.now + later, **arguments))
    return done


async def test_a_worker_tells_each_channel_once_of_the_opening_and_once_of_the_end(
    world: World, files: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DELIVERY_DIR", str(settings.delivery_dir))
    with only(RULE):
        number = go_bad(world)
        world.pass_(40, 10)
    tasks = [task for task in TABLE if task.name == notices.JOB]
    async with worker(world.database, tasks):

        async def all_sent() -> bool:
            ledger = notices.of_incident(world.database, number)
            return len(ledger) == 2 and all(notice.sent_at for notice in ledger)

        await eventually(all_sent, "both notices")
    written = texts(files)
    assert len(written) == 2
    opened, ended = (
        next(text for name, text in written.items() if f"alert-{number}-{transition}" in name)
        for transition in ("opened", "recovered")
    )
    assert "Errors" in opened
    assert "client loud" in opened
    assert "Recovered: Errors" in ended
    assert notices.requeue(world.database) == 0


@pytest.mark.usefixtures("files")
def test_jobs_that_come_twice_send_once(world: World, settings: Settings) -> None:
    with only(RULE):
        number = go_bad(world)
    asked = {"incident": number, "transition": "opened", "channel": "files"}
    sent = [notices.send(world.database, settings, world.now, **asked) for _ in range(3)]  # type: ignore[arg-type]
    assert sent == ["sent to files", "nothing to send", "nothing to send"]


def test_a_worker_killed_between_sending_and_noting_it_sends_again_under_the_same_key(
    world: World, settings: Settings
) -> None:
    with hooked(world) as hook, only(RULE):
        number = go_bad(world)
        arguments = [sys.executable, "-m", "tests.alerts.sending", world.database.dsn, str(number), "hook"]
        sending = subprocess.Popen(arguments, cwd=ROOT)
        take = hook.take

        def kill_then_take(call: Call) -> int:
            sending.send_signal(signal.SIGKILL)
            sending.wait()
            return take(call)

        hook.take = kill_then_take  # type: ignore[method-assign]
        assert sending.wait(60) == -signal.SIGKILL
        hook.take = take  # type: ignore[method-assign]
        assert send_all(world, settings) == ["sent to hook"]
    assert [call.headers["webhook-id"] for call in hook.calls] == [f"alert-{number}-opened"] * 2
    first, second = (call.json for call in hook.calls)
    assert first == second
    assert first["data"]["rule"] == "errors"


def test_a_receiver_that_fails_is_tried_again_and_hears_of_the_end_only_after_the_opening(
    world: World, settings: Settings
) -> None:
    with hooked(world) as hook, only(RULE):
        hook.statuses = [500, 204]
        number = go_bad(world)
        assert send_all(world, settings) == ["not sent to hook: again in 10 s"]
        world.pass_(40, 10)
        assert send_all(world, settings, -timedelta(seconds=35)) == ["waits for the notice of the opening"]
        assert send_all(world, settings, timedelta(seconds=20)) == ["sent to hook", "sent to hook"]
    assert [call.json["data"]["transition"] for call in hook.calls] == ["opened", "opened", "recovered"]
    assert [notice.attempts for notice in notices.of_incident(world.database, number)] == [2, 1]


def test_a_receiver_that_refuses_is_given_up_and_told_of_nothing_more(world: World, settings: Settings) -> None:
    with hooked(world) as hook, only(RULE):
        hook.statuses = [410]
        number = go_bad(world)
        assert send_all(world, settings)[0].startswith("given up: 127.0.0.1 answered 410")
        world.pass_(40, 10)
        assert send_all(world, settings) == ["given up: The opening was never told here."]
    assert len(hook.calls) == 1
    assert all(notice.given_up_at for notice in notices.of_incident(world.database, number))


@pytest.mark.usefixtures("files")
def test_a_muted_rule_opens_incidents_and_tells_of_those_still_open_when_that_ends(
    world: World, settings: Settings
) -> None:
    with only(RULE):
        administration.mute(world.database, ME, "errors", world.now + timedelta(seconds=65), world.now)
        go_bad(world)
        world.pass_(40, 10)
        assert [incident.open for incident in world.incidents] == [False]
        go_bad(world)
        assert send_all(world, settings) == []
        world.pass_(20, 10, outcome="rejected", error_code="blocked")
        assert send_all(world, settings) == ["sent to files"]
        world.pass_(40, 10)
        assert send_all(world, settings) == ["sent to files"]


@pytest.mark.usefixtures("files")
def test_a_queue_that_was_emptied_loses_no_notice(world: World, settings: Settings) -> None:
    with only(RULE):
        go_bad(world)
    with world.database.connect(autocommit=True) as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    assert notices.requeue(world.database) == 1
    assert send_all(world, settings) == ["sent to files"]


def test_a_rule_names_its_own_channels(world: World, files: Path, settings: Settings) -> None:
    registry.add(world.database, ME, "night", "directory", "night", NOW)
    with only(RULE.model_copy(update={"channels": ("night",)})):
        go_bad(world)
        assert send_all(world, settings) == ["sent to night"]
        registry.remove(world.database, ME, "night", NOW)
        world.pass_(40, 10)
    assert send_all(world, settings) == ["given up: There is no channel named 'night'."]
    assert not files.exists()
