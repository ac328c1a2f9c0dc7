"""Schedules on a database of the test's own, whose traffic is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.audit import Actor
from core.delivery import registry
from core.schedules import store
from core.schedules.schedule import Plan, Schedule
from core.settings import Settings
from core.storage.database import Database
from tests.delivery.receivers import settings

ADMIN = Actor("admin", "page")
MADE_AT = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
DAILY = Plan("Daily traffic", "traffic", "0 6 * * *", "yesterday", "csv", "files")

Make = Callable[..., Schedule]


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    """Settings under which everything may be delivered."""
    return settings(delivery_dir=tmp_path / "delivered", delivery_private_addresses=True, relay_name="relay.example")


@pytest.fixture
def schedule(database: Database) -> Make:
    """`stored` on the test's database."""
    return partial(stored, database)


def stored(
    database: Database, now: datetime = MADE_AT, kind: Any = "directory", address: str = "reports", **differs: Any
) -> Schedule:
    """Stores `DAILY` with what differs; its channel is a directory unless another one is given."""
    plan = replace(DAILY, **differs)
    if plan.channel not in {one.name for one in registry.listing(database)}:
        registry.add(database, ADMIN, plan.channel, kind, address, now)
    return store.add(database, ADMIN, store.OPERATOR, plan, now)
