"""What the tap costs beside nginx's WebSocket proxying and a proxy of the `websockets` library, under the same load.

Every proxy has one core, relay and clients the other. The proxies take turns with every load of every round: what the
machine does beside meets them all. Figures are medians of the rounds, ratios of processor time those within a round.
The tap reads, pairs and spools everything meanwhile, as it does in use.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import proxies
from benchmarks.nostr_load import STREAM
from benchmarks.servers import machine
from ingest.spool import Spool

RESULTS = Path(__file__).parent / "results"
LOADS = {
    "light": ["--connections", "200", "--rate", "2000"],
    "EVENT/OK": ["--connections", "200"],
    "REQ/20 EVENTs": ["--connections", "50", "--stream"],
}
"""`light`: 2,000 EVENTs a second; first, so that it does not pay for what others left to be spooled. The others:
as many as go through, each client asking again when it is answered."""
LIGHT_TIMES = 3
"""`light` lasts so many times longer than the others: of a thousand messages, one pause decides the 99th percentile."""
REST_SECONDS = 12
"""After which idle connections have been idle for longer than a tap waits to record what they carried."""
LEAST_ADDED = 1e-6
"""Seconds that a proxy adds at least: a difference of two measurements may come out below nothing."""
Figures = dict[str, dict[str, float]]
"""By proxy: by name."""


@contextmanager
def load(role: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.nostr_load", role, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.communicate("\n", timeout=30)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the load generator ended")
    return line


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def measured(proxy: proxies.Proxy | None, port: int, name: str, seconds: float) -> dict[str, float]:
    """One load through a proxy (None: straight to the relay)."""
    lasting = seconds * LIGHT_TIMES if name == "light" else seconds
    more = ["--port", str(port), "--seconds", str(lasting), "--cpu", "1"]
    with load("load", *more, *LOADS[name]) as process:
        said(process)
        before = proxy.cpu_seconds() if proxy else 0.0
        tell(process)
        found: dict[str, float] = json.loads(said(process))
        cpu = proxy.cpu_seconds() - before if proxy else 0.0
    if found["lost"]:
        raise RuntimeError("connections were lost")
    found["per_second"] = found["answers"] / found["seconds"]
    if proxy:
        found["cpu"] = cpu / found["seconds"]
        found["cpu_us"] = cpu / found["answers"] * 1e6
        found["per_core"] = found["answers"] / cpu
    return found


def beside_idle(name: str, relay: int, connections: int, seconds: float) -> dict[str, float]:
    """Resident memory that one idle connection takes, and what a light load costs beside them."""
    direct = measured(None, relay, "light", seconds)
    with directory() as scratch, proxies.running(name, relay, scratch, 0) as proxy:
        measured(proxy, proxy.port, "light", 0.5)  # what is allocated once
        before = proxy.memory()
        with load("idle", "--port", str(proxy.port), "--connections", str(connections), "--cpu", "1") as process:
            said(process)
            taken = proxy.memory() - before
            time.sleep(REST_SECONDS)
            found = measured(proxy, proxy.port, "light", seconds)
            tell(process)
            if json.loads(said(process))["lost"]:
                raise RuntimeError("connections were lost")
    return {
        "idle bytes": taken / connections,
        "beside idle cpu_us": found["cpu_us"],
        "beside idle added p50": found["p50"] - direct["p50"],
        "beside idle added p99": found["p99"] - direct["p99"],
    }


@contextmanager
def directory() -> Iterator[Path]:
    scratch = Path(tempfile.mkdtemp(prefix="relay-analytics-bench-"))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch)


def one_round(names: list[str], relay: int, seconds: float) -> dict[str, dict[str, dict[str, float]]]:
    """By proxy: every load. Those that wait for their turn take no processor time."""
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in names}
    with ExitStack() as stack:
        scratch = {name: stack.enter_context(directory()) for name in names}
        with ExitStack() as serving:
            taking_part = {
                name: serving.enter_context(proxies.running(name, relay, scratch[name], 0)) for name in names
            }
            for each in LOADS:
                for name, proxy in taking_part.items():
                    found[name][each] = measured(proxy, proxy.port, each, seconds)
        check(scratch["tap"], found["tap"])
    return found


def check(scratch: Path, found: dict[str, dict[str, float]]) -> None:
    """Everything that went through was read and kept: a tap that gives up reading would look fast."""
    with Spool(scratch / "spool" / "tap-0.spool", 1 << 40) as spool:
        batches = [waiting.batch for waiting in spool.read(limit=1_000_000)]
    rows = [row for batch in batches if batch is not None for row in batch.events]
    answered = sum(row.outcome == "ok" for row in rows)
    stored = sum(row.events_out for row in rows)
    if answered < sum(each["answers"] for each in found.values()):
        raise RuntimeError("the tap did not read everything")
    if stored < STREAM * found["REQ/20 EVENTs"]["answers"]:
        raise RuntimeError("the tap did not count every event of the streams")


def ratios(rounds: list[dict[str, Any]], figures: Figures) -> list[tuple[str, float, str, bool]]:
    """What ARCHITECTURE asks for: name, value, target, whether it is met."""
    tap, nginx = figures["tap"], figures.get("nginx")

    def per_core(load_name: str, proxy: str, other: str) -> float:
        found: list[dict[str, Figures]] = [one["proxies"] for one in rounds]
        return statistics.median(
            each[proxy][load_name]["per_core"] / each[other][load_name]["per_core"] for each in found
        )

    rows = []
    if nginx:
        rows += [
            ("EVENT/OK per core, of nginx", per_core("EVENT/OK", "tap", "nginx"), ">=", 0.70),
            ("streams per core, of nginx", per_core("REQ/20 EVENTs", "tap", "nginx"), ">=", 0.60),
            ("splice alone, EVENT/OK, of nginx", per_core("EVENT/OK", "splice", "nginx"), ">=", 0.90),
            ("CPU at light load, of nginx", per_core("light", "nginx", "tap"), "<=", 2.0),
            ("added p50, of nginx", tap["added p50"] / max(nginx["added p50"], LEAST_ADDED), "<=", 1.3),
            ("added p99, of nginx", tap["added p99"] / max(nginx["added p99"], LEAST_ADDED), "<=", 2.0),
            ("idle memory, of nginx", tap["idle bytes"] / nginx["idle bytes"], "<=", 0.35),
        ]
    rows += [
        ("EVENT/OK per core, of websockets", per_core("EVENT/OK", "tap", "websockets"), ">=", 2.5),
        ("streams per core, of websockets", per_core("REQ/20 EVENTs", "tap", "websockets"), ">=", 8),
    ]
    return [
        (name, value, f"{sign} {target}", value >= target if sign == ">=" else value <= target)
        for name, value, sign, target in rows
    ]


def medians(rounds: list[dict[str, Any]], idle: dict[str, list[dict[str, float]]]) -> Figures:
    """Of the rounds; added latency is taken within each round."""
    lists: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in rounds:
        for name, found in each["proxies"].items():
            for load_name, values in found.items():
                lists[name][f"{load_name} per core"].append(values["per_core"])
                lists[name][f"{load_name} per second"].append(values["per_second"])
                lists[name][f"{load_name} cpu_us"].append(values["cpu_us"])
            for percentile in ("p50", "p99"):
                lists[name][f"added {percentile}"].append(found["light"][percentile] - each["direct"][percentile])
    for name, each_round in idle.items():
        for found in each_round:
            for key, value in found.items():
                lists[name][key].append(value)
    return {name: {key: statistics.median(of) for key, of in each.items()} for name, each in lists.items()}


def report(figures: Figures, compared: list[tuple[str, float, str, bool]]) -> None:
    table = Table("", *figures)
    for key in next(iter(figures.values())):
        scale, unit = (1e6, " us") if "added" in key else (1, "")
        table.add_row(key + unit, *(f"{each[key] * scale:,.1f}" if key in each else "" for each in figures.values()))
    Console().print(table)
    targets = Table("ratio", "measured", "target", "met")
    for name, value, target, met in compared:
        targets.add_row(name, f"{value:.2f}", target, "yes" if met else "NO")
    Console().print(targets)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tap", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each load")
    parser.add_argument("--idle", type=int, default=8000, help="idle connections")
    parser.add_argument("--idle-rounds", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS / "tap.json")
    given = parser.parse_args()
    rounds: list[dict[str, Any]] = []
    idle: dict[str, list[dict[str, float]]] = defaultdict(list)
    with load("relay", "--cpu", "1") as relay_process:
        relay = int(said(relay_process))
        names = proxies.names()
        for number in range(given.rounds):
            turn = names[number % len(names) :] + names[: number % len(names)]
            direct = measured(None, relay, "light", given.seconds)
            rounds.append({"direct": direct, "proxies": one_round(turn, relay, given.seconds)})
        for _ in range(given.idle_rounds):
            for name in (each for each in names if each != "splice"):
                idle[name].append(beside_idle(name, relay, given.idle, given.seconds))
    figures = medians(rounds, idle)
    compared = ratios(rounds, figures)
    report(figures, compared)
    made = {
        "machine": machine(),
        "rounds": given.rounds,
        "seconds": given.seconds,
        "idle_connections": given.idle,
        "figures": figures,
        "ratios": {name: {"value": value, "target": target} for name, value, target, _ in compared},
    }
    given.results.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
