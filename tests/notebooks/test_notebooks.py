"""The notebooks run from top to bottom, and are kept without what they printed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from core.settings import ROOT
from core.storage.database import Database
from core.storage.fold import fold
from ingest.demo.history import fill

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture
def filled(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two weeks of history up to now, written by the writer, as the configured database."""
    now = datetime.now(UTC)
    with Database(database.dsn, demo=True) as demo:
        fill(demo, now, days=16, messages=6000)
    fold(database, now)
    monkeypatch.setenv("DATABASE_URL", database.dsn)
    monkeypatch.setenv("DEMO", "off")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_it_promises(path: Path, filled: None) -> None:
    notebook = read(path)
    nbclient.NotebookClient(
        notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": ROOT}}
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type != "code" or "import" in cell.source:
            continue
        assert cell.outputs, f"shows nothing: {cell.source}"
        for output in cell.outputs:
            assert output.output_type == "execute_result", output
            shown = output.data
            if ".chart(" in cell.source:
                assert "vega" in shown["text/html"]
                assert len(shown["text/html"]) > 2000
            elif cell.source.startswith(("errors", "clients", "traffic")):
                assert "<td>" in shown["text/html"], f"no rows: {cell.source}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_output_and_says_what_one_learns(path: Path) -> None:
    notebook = read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count is not None] == []
    charts = [place for place, cell in enumerate(notebook.cells) if ".chart(" in cell.source]
    assert charts
    assert all(notebook.cells[place - 1].cell_type == "markdown" for place in charts)
