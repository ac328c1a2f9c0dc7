"""All benchmarks, one after the other: the tap, the collector, ingest, ingest of two machines with a standby, imports,
every report over one history of a relay and over ten times the events of the same clients and hours, the export, the
API, the pages, and viewers of the realtime page."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.history import Size


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=Size.events, help="Events of the history, over 90 days.")
    parser.add_argument("--data", type=Path, help="Directory that keeps the history for the next run.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relay-analytics-bench-") as scratch:
        history = ["--events", str(given.events), "--data", str(given.data or Path(scratch))]
        dense = ["--events", str(given.events // 2), *history[2:]]
        parts: tuple[tuple[str, list[str]], ...] = (
            ("tap", []), ("collector", []), ("ingest", []), ("scale", ["--save"]), ("imports", []),
            ("reports", history), ("density", dense), ("export", history), ("api", history), ("pages", history),
            ("viewers", []),
        )  # fmt: skip
        for name, arguments in parts:
            print(f"== {name}", flush=True)
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=True)


if __name__ == "__main__":
    main()
