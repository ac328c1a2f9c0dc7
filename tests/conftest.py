"""Fixtures for all tests: a database per test, on the embedded server, and on TimescaleDB where one is given."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from core.storage.database import Database
from tests.support import servers

TIMESCALE_URL = os.environ.get("TEST_TIMESCALE_URL")
"""`postgresql://user:password@host:port/postgres` of a TimescaleDB server; databases are made in it."""

needs_timescale = pytest.mark.skipif(TIMESCALE_URL is None, reason="TEST_TIMESCALE_URL names no TimescaleDB server")


# A busy machine must not decide a test: neither how long an example takes, nor how long it takes to make one.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """What a test configures of the logs ends with it: the stream it names is closed by then."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """DSN of the database `postgres` on the test server; databases may be created and dropped freely."""
    with servers.shared_server() as server:
        yield server.dsn("postgres")


@pytest.fixture
def empty_dsn(server_dsn: str) -> Iterator[str]:
    """DSN of an empty database of this test's own, not migrated."""
    with servers.empty_database(server_dsn) as dsn:
        yield dsn


@pytest.fixture
def database(server_dsn: str) -> Iterator[Database]:
    """A migrated, empty database of this test's own (plain PostgreSQL)."""
    with servers.fresh_database(server_dsn) as made:
        yield made


@pytest.fixture
def timescale_database() -> Iterator[Database]:
    """A migrated, empty database on TimescaleDB; the test is skipped where there is none."""
    if TIMESCALE_URL is None:
        pytest.skip("TEST_TIMESCALE_URL names no TimescaleDB server")
    with servers.fresh_database(TIMESCALE_URL, copy=False) as made:
        yield made


@pytest.fixture(params=["postgresql", pytest.param("timescaledb", marks=[pytest.mark.timescale, needs_timescale])])
def any_database(request: pytest.FixtureRequest) -> Database:
    """Runs the test on plain PostgreSQL, and on TimescaleDB where there is one."""
    name = "database" if request.param == "postgresql" else "timescale_database"
    made: Database = request.getfixturevalue(name)
    return made
