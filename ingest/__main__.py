"""`python -m ingest`: the tap in front of RELAY_URL, the collector on COLLECTOR_PORT, the writer that stores what they
took in, and the jobs that come by themselves."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Sequence

from pydantic import ValidationError

from core.logs import configure_logs
from core.settings import MAX_WORKERS, Settings, get_settings
from core.stopping import set_on_signals

NO_RELAY = (
    "RELAY_URL is not set. Set it to the relay to tap, for example: RELAY_URL=ws://127.0.0.1:8080 python -m ingest"
)
NO_COLLECTOR = "COLLECTOR_PORT is not set. Set it to the port to listen on, for example: COLLECTOR_PORT=7070"
PARTS = ("tap", "collector", "writer", "jobs")
ROLES = ("all", *PARTS)
PR_SET_PDEATHSIG = 1
BEHIND_TRAFFIC = 5
"""How much nicer jobs are than what carries and stores traffic."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ingest", description=__doc__)
    parser.add_argument("role", nargs="?", choices=ROLES, default="all", help="default: all")
    parser.add_argument("--worker", type=int, default=0, help="number of the tap worker")
    parser.add_argument("--workers", type=_workers, help="tap workers that share the port; default: TAP_WORKERS")
    parser.add_argument("--only", action="append", choices=PARTS, help="of all: this part; may be given several times")
    parser.add_argument("--pulse", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--supervisor", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    try:
        settings = get_settings()
    except ValidationError as error:
        print(error, file=sys.stderr)
        return 2
    only = tuple(arguments.only or PARTS)
    missing = _missing(settings, arguments.role, only)
    if missing is not None:
        print(missing, file=sys.stderr)
        return 2
    if arguments.workers is not None:
        settings = settings.model_copy(update={"tap_workers": arguments.workers})
    if arguments.supervisor is not None:
        _end_with(arguments.supervisor)
    return run(settings, arguments.role, arguments.worker, arguments.pulse, only)


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"must be 1 to {MAX_WORKERS}")
    return number


def _missing(settings: Settings, role: str, only: Sequence[str]) -> str | None:
    """What has to be set for this role, or these parts, and is not."""
    wanted = only if role == "all" else (role,)
    takes_in = {"tap": settings.relay_url is not None, "collector": settings.collector_port is not None}
    if not takes_in.keys() & set(wanted) or any(takes_in[part] for part in wanted if part in takes_in):
        return None
    return NO_RELAY if "tap" in wanted else NO_COLLECTOR


def run(settings: Settings, role: str, worker: int, pulse: int | None, only: Sequence[str] = PARTS) -> int:
    """Runs one role until it is asked to stop; returns the exit code. `only`: the parts of the role `all`."""
    if role == "all":
        from ingest.supervisor import supervise

        configure_logs(settings.log_level, "ingest", settings.log_format)
        asyncio.run(supervise(settings, only))
    elif role == "tap":
        from ingest.worker import run_tap

        configure_logs(settings.log_level, f"tap-{worker}", settings.log_format)
        try:
            run_tap(settings, worker, pulse)
        except OSError as error:
            print(f"The tap cannot listen on {settings.tap_host}:{settings.tap_port}: {error}", file=sys.stderr)
            return 1
    elif role == "collector":
        from ingest.collector.process import run_collector

        configure_logs(settings.log_level, "collector", settings.log_format)
        try:
            run_collector(settings, pulse)
        except OSError as error:
            print(f"The collector cannot listen on port {settings.collector_port}: {error}", file=sys.stderr)
            return 1
    elif role == "jobs":
        os.nice(BEHIND_TRAFFIC)  # before its libraries are loaded: at a start the taps want the processor
        from ingest.jobs.process import run_jobs

        configure_logs(settings.log_level, "jobs", settings.log_format)
        run_jobs(settings, pulse)
    else:
        from ingest.writer import Writer

        configure_logs(settings.log_level, "writer", settings.log_format)
        stop = threading.Event()
        set_on_signals(stop, signal.SIGTERM)
        Writer(settings).run(stop)
    return 0


def _end_with(supervisor: int) -> None:
    """A worker whose supervisor was killed ends too, instead of holding the port. Linux only; elsewhere it lives on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the supervisor, which stops things in order
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != supervisor:
            sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
