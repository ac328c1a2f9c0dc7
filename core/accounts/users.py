"""Users: who may sign in, and in which role. Names are compared in lower case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from core.accounts.passwords import generate_password, hash_password
from core.exceptions import BadParameterError, UnknownUserError
from core.permissions import SCOPES
from core.storage.database import Database

Role = Literal["admin", "analyst", "business", "client"]
"""`admin` manages, `analyst` explores, `business` reads and downloads, `client` sees one client's own numbers."""
ROLES: tuple[str, ...] = get_args(Role)

_COLUMNS = "username, name, role, client_id, active"


@dataclass(frozen=True)
class User:
    """A user as of now."""

    username: str
    name: str
    role: str
    client_id: str | None
    """The only client this user may see; None: not limited to one."""
    active: bool

    @property
    def scopes(self) -> tuple[str, ...]:
        """A signed-in user is limited by the role alone; scopes limit tokens."""
        return SCOPES

    @property
    def scope(self) -> str:
        """What of the relay this user sees; part of the key of everything cached for more than one viewer."""
        return f"client:{self.client_id}" if self.role == "client" else "relay"


def normal(username: str) -> str:
    """The form in which names are stored and compared."""
    return username.strip().lower()


def get(database: Database, username: str) -> User | None:
    """The user of this name, active or not."""
    with database.borrow() as connection:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM users WHERE username = %s",  # noqa: S608 (a constant)
            [normal(username)],
        ).fetchone()
    return User(*row) if row else None


def listing(database: Database) -> list[User]:
    """All users by name."""
    with database.borrow() as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM users ORDER BY username").fetchall()  # noqa: S608
    return [User(*row) for row in rows]


def add(
    database: Database,
    username: str,
    password: str,
    now: datetime,
    *,
    role: Role = "analyst",
    name: str = "",
    client_id: str | None = None,
) -> User:
    """Create a user. Raises BadParameterError when the name is taken or a value cannot be used."""
    username = normal(username)
    if not username or role not in ROLES:
        raise BadParameterError(f"A user needs a name and one of the roles {', '.join(ROLES)}.")
    if (role == "client") != (client_id is not None):
        raise BadParameterError("The role client, and only it, is tied to a client_id.")
    with database.borrow() as connection:
        created = connection.execute(
            "INSERT INTO users (username, name, password_hash, role, client_id, active, created_at)"
            " VALUES (%s, %s, %s, %s, %s, true, %s) ON CONFLICT (username) DO NOTHING",
            [username, name or username, hash_password(password), role, client_id, now],
        )
        if created.rowcount == 0:
            raise BadParameterError(f"There is a user named {username!r} already.")
    return User(username, name or username, role, client_id, True)


def ensure_admin(database: Database, now: datetime) -> str | None:
    """On a database without users create `admin` and return its generated password, to be shown once; else None."""
    with database.connect() as connection:
        connection.execute("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")  # two processes may start at once
        if connection.execute("SELECT 1 FROM users LIMIT 1").fetchone():
            return None
        password = generate_password()
        connection.execute(
            "INSERT INTO users (username, name, password_hash, role, active, created_at)"
            " VALUES ('admin', 'Administrator', %s, 'admin', true, %s)",
            [hash_password(password), now],
        )
    return password


def set_password(database: Database, username: str, password: str) -> None:
    """Set a user's password and end the user's sessions. Raises UnknownUserError, BadParameterError."""
    _change(database, username, "password_hash = %s", [hash_password(password)])


def set_active(database: Database, username: str, active: bool) -> None:
    """Let a user sign in or not; ends the user's sessions. Raises UnknownUserError."""
    _change(database, username, "active = %s", [active])


def set_role(database: Database, username: str, role: Role, client_id: str | None = None) -> None:
    """Change a user's role; acts at the user's next click. Raises UnknownUserError, BadParameterError."""
    if role not in ROLES or (role == "client") != (client_id is not None):
        raise BadParameterError("The role client, and only it, is tied to a client_id.")
    _change(database, username, "role = %s, client_id = %s", [role, client_id])


def remove(database: Database, username: str) -> None:
    """Remove a user with the user's sessions and API tokens. Raises UnknownUserError."""
    with database.borrow() as connection:
        if connection.execute("DELETE FROM users WHERE username = %s", [normal(username)]).rowcount == 0:
            raise UnknownUserError(f"There is no user named {username!r}.")


def _change(database: Database, username: str, assignment: str, values: list[Any]) -> None:
    username = normal(username)
    with database.borrow() as connection:
        changed = connection.execute(
            f"UPDATE users SET {assignment} WHERE username = %s",  # noqa: S608 (constants)
            [*values, username],
        )
        if changed.rowcount == 0:
            raise UnknownUserError(f"There is no user named {username!r}.")
        connection.execute("DELETE FROM sessions WHERE username = %s", [username])
