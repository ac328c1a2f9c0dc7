"""The recipes of docs/jupyter.md, run as they are written, on a database with that month in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from core.reports import configured
from core.settings import ROOT, get_settings
from core.storage.database import Database
from tests.api import served

RECIPES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "jupyter.md").read_text(), re.DOTALL)


@pytest.fixture
def month(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The configured database, with January 2024."""
    served.history(database)
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    get_settings.cache_clear()
    configured.configured_database.cache_clear()
    yield database
    configured.configured_database().close()
    configured.configured_database.cache_clear()
    get_settings.cache_clear()


def test_the_recipes_run(month: Database, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for recipe in RECIPES:
        here = recipe.replace("key:acme", served.OWN).replace("key:globex", served.OTHER)
        here = re.sub(r"postgresql://reader[^\"]+", month.dsn, here)
        exec(compile(here, "docs/jupyter.md", "exec"), names)  # noqa: S102
    assert names["both"]["events"].sum() > 0
    assert len(names["frame"]) > 0
    assert "Monday" in capsys.readouterr().out
