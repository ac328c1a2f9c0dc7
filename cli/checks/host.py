"""The machine: the directory of data, its disk, who can read it, open files, time zones."""

from __future__ import annotations

import resource
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import available_timezones

from cli.checks.finding import Finding, fail, ok, warn
from core import formats
from core.settings import ROOT, Settings
from core.spools import spool_directory, states

LEAST_FREE = 1 << 30
"""Bytes of the disk of DATA_DIR below which it is tight."""
OPEN_FILES_BESIDE = 64
PRIVATE = ("keys", "spool", "spool-demo", "postgres/password")
"""What below DATA_DIR nobody else may read: keys of addresses, events on their way, a password."""


def data_directory(settings: Settings) -> Iterator[Finding]:
    """Whether spools, keys and the embedded database can be written, and how much room there is."""
    directory = settings.data_dir
    probe = directory / f".doctor-{secrets.token_hex(4)}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        yield fail(
            "data directory",
            f"{directory} cannot be written: {reason}.",
            "Give it to the user of the tap, or set DATA_DIR.",
        )
        return
    yield ok("data directory", f"{directory} can be written.")
    disk = shutil.disk_usage(directory)
    free = f"{formats.size(disk.free)} of {formats.size(disk.total)} are free"
    if disk.free < LEAST_FREE:
        yield fail(
            "disk",
            f"Only {free} where {directory} is.",
            "Make room: the spool stops at the last tenth, and rows are lost.",
        )
    elif disk.free < settings.spool_max_bytes:
        yield warn("disk", f"{free}, less than SPOOL_MAX_BYTES.", "Make room, or lower SPOOL_MAX_BYTES.")
    else:
        yield ok("disk", f"{free} where {directory} is.")


def permissions(settings: Settings) -> Iterator[Finding]:
    """Whether others on this machine can read what is private."""
    open_ = [path for path in (*(settings.data_dir / name for name in PRIVATE), ROOT / ".env") if _others_may(path)]
    for path in open_:
        yield fail("permissions", f"Everyone on this machine can read {path}.", f"chmod -R go= {path}")
    if not open_:
        yield ok("permissions", "Keys, spools and passwords are readable by their owner only.")


def spool(settings: Settings) -> Iterator[Finding]:
    """What waits, and what was set aside."""
    directory = spool_directory(settings)
    if not directory.exists():
        yield ok("spool", "There is none yet: no tap has run here.")
        return
    damaged = sorted(path.name for path in directory.glob("*.corrupt"))
    if damaged:
        yield warn(
            "spool",
            f"Damaged spools were set aside: {', '.join(damaged)}.",
            "Look at the disk; the writer stores what can be read.",
        )
    fullest = max((state.size for state in states(directory)), default=0) / settings.spool_max_bytes
    if fullest > 0.5:
        yield fail(
            "spool",
            f"A spool is {fullest:.0%} full.",
            "See why the writer does not keep up: relay-analytics status.",
        )
    else:
        yield ok("spool", f"The fullest spool is {fullest:.0%} full.")


def open_files(settings: Settings) -> Iterator[Finding]:
    """Each connection takes two, in a worker. The limit is that of this shell: a service has its own."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * settings.tap_max_connections + OPEN_FILES_BESIDE
    if most != resource.RLIM_INFINITY and most < wanted:
        yield warn(
            "open files",
            f"{most} are allowed here; TAP_MAX_CONNECTIONS={settings.tap_max_connections} wants {wanted}.",
            "Set LimitNOFILE= of the service (ulimit -n here), or lower TAP_MAX_CONNECTIONS.",
        )  # fmt: skip
    else:
        yield ok("open files", f"Enough for {settings.tap_max_connections} connections a worker.")


def time_zones(settings: Settings) -> Iterator[Finding]:
    """Whether reports can be asked for in every zone."""
    yield ok("time zones", f"{len(available_timezones())} are known; reports use {settings.time_zone}.")


def _others_may(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False
