"""Log lines: one object each where no person looks on, with the id of the request, never with values of variables."""

from __future__ import annotations

import json

import pytest
import structlog

from core.logs import configure_logs

SECRET = "postgresql://u:hush@db/x"


def entries(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_traceback_shows_no_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "writer", "json")

    def fails(address: str) -> None:
        raise ValueError(len(address))

    try:
        fails(SECRET)
    except ValueError as error:
        structlog.get_logger().error("It failed", exc_info=error)
    (entry,) = entries(capsys)
    assert (entry["process"], entry["level"], entry["event"]) == ("writer", "error", "It failed")
    assert "in fails" in str(entry["exception"])
    assert SECRET not in json.dumps(entry)


def test_what_is_bound_stands_in_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "api", "auto")  # the stream of a test is no terminal
    with structlog.contextvars.bound_contextvars(request_id="5f2b"):
        structlog.get_logger().info("within")
    structlog.get_logger().info("after")
    structlog.get_logger().debug("too fine")
    assert [entry.get("request_id") for entry in entries(capsys)] == ["5f2b", None]
