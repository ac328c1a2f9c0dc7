"""Who may call what: every route, every role, its own client, another one and none, against a list written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from httpx2 import Response

from api.app import PUBLIC, create_app
from api.guard import Guard
from core.accounts import tokens, users
from core.accounts.users import ROLES
from core.permissions import RULES, SCOPES
from core.settings import Settings
from core.storage.database import Database
from tests.api.served import OTHER, OWN, PREFIX, RANGE, Served

pytestmark = pytest.mark.xdist_group("api-rights")

NOBODY = create_app(Database("postgresql://nobody@127.0.0.1:1/nothing"), Settings(_env_file=None))
ALL = [context.route for context in iter_route_contexts(NOBODY.routes) if isinstance(context.route, APIRoute)]
BELOW = [route for route in ALL if route.path.startswith(PREFIX)]
ROUTES = {route.path: route for route in BELOW if route.methods == {"GET"}}
WRITES = {
    f"{method} {route.path.removeprefix(PREFIX)}": route
    for route in BELOW
    for method in sorted(route.methods or ())
    if method != "GET"
}
PATHS = NOBODY.openapi()["paths"]

STAFF = {"admin", "analyst", "business"}
MAY_CHANGE = {
    "PUT /retention/{name}": {"admin"},
    "POST /holds": {"admin"},
    "DELETE /holds/{client_id:path}": {"admin"},
    "POST /alerts/incidents/{incident_id}/acknowledge": {"admin", "analyst"},
    "POST /alerts/preview": STAFF,
    "POST /alerts/rules": {"admin"},
    "PUT /alerts/rules/{name}": {"admin"},
    "DELETE /alerts/rules/{name}": {"admin"},
    "POST /alerts/rules/{name}/mute": {"admin"},
    "PUT /alerts/channels": {"admin"},
    "POST /annotations": {"admin", "analyst"},
    "DELETE /annotations/{annotation_id}": {"admin", "analyst"},
    "POST /channels": {"admin"},
    "PATCH /channels/{name}": {"admin"},
    "DELETE /channels/{name}": {"admin"},
    "POST /channels/{name}/test": {"admin"},
    "POST /schedules": STAFF,
    "PUT /schedules/{schedule_id}": STAFF,
    "DELETE /schedules/{schedule_id}": STAFF,
    "POST /schedules/{schedule_id}/pause": STAFF,
    "POST /schedules/{schedule_id}/resume": STAFF,
    "POST /schedules/{schedule_id}/send": STAFF,
    "POST /schedules/runs/{run_id}/send": STAFF,
}
"""Every route that changes something, and who may call it."""
OPEN_TO_CLIENTS = {
    "/reports", "/reports/client", "/reports/billing", "/clients/{client_id:path}/metrics", "/billing/{period}",
    "/export/csv", "/export/json", "/export/ndjson", "/export/parquet", "/exports/{export_id}",
}  # fmt: skip
"""What a client of the relay may call, for its own client alone."""
ADMINISTRATION = {"/audit", "/retention", "/holds"}


def guard_of(route: APIRoute) -> Guard | None:
    def found(dependant: Any) -> Iterator[Guard]:
        for dependency in dependant.dependencies:
            if isinstance(dependency.call, Guard):
                yield dependency.call
            yield from found(dependency)

    return next(found(route.dependant), None)


def call(route: APIRoute, client_id: str | None) -> tuple[str, dict[str, Any]] | None:
    """Path and query of a call about `client_id`; None when the route cannot be about none, or about one."""
    parameters = PATHS[route.path_format]["get"].get("parameters", [])
    names = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    if "client_id" not in names and "{client_id" not in route.path and client_id is not None:
        return None
    if "{client_id" in route.path and client_id is None:
        return None
    path = route.path.removeprefix(PREFIX).replace("{client_id:path}", client_id or "")
    path = path.replace("{schedule_id}", "999999").replace("{period}", "2024-01").replace("{export_id}", "0" * 16)
    query = {name: value for name, value in RANGE.items() if name in names}
    if "client_id" in names and client_id is not None:
        query["client_id"] = client_id
    return path, query


def allowed(role: str, path: str, client_id: str | None) -> bool:
    if path in ADMINISTRATION:
        return role == "admin"
    if role == "client":
        return path in OPEN_TO_CLIENTS and client_id in (None, OWN)
    return True


@pytest.mark.parametrize("route", BELOW, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_every_route_has_a_guard_that_a_rule_stands_behind(route: APIRoute) -> None:
    guard = guard_of(route)
    assert guard is not None, f"{route.path} has no Guard"
    assert (guard.action, guard.resource) in RULES


def test_no_route_of_the_app_is_missing_here() -> None:
    assert {route.path_format for route in BELOW} | PUBLIC == set(PATHS)
    assert all(len(route.methods or ()) == 1 for route in BELOW)
    assert set(WRITES) == set(MAY_CHANGE)


def test_all_routes_are_those_below_the_prefix_and_the_public_ones() -> None:
    others = {route.path for route in ALL} - {route.path for route in BELOW}
    assert {path for path in others if not path.startswith("/docs")} == PUBLIC


@pytest.mark.parametrize("path", ROUTES)
def test_nobody_may_call_what_is_not_theirs_and_everybody_what_is(path: str, served: Served) -> None:
    for role in ROLES:
        for client_id in (None, OWN, OTHER):
            made = call(ROUTES[path], client_id)
            if made is None:
                continue
            response = served.get(made[0], role, **made[1])
            short = path.removeprefix(PREFIX)
            assert (response.status_code != 403) == allowed(role, short, client_id), (role, client_id, response.text)
            assert response.status_code in (200, 403, 404, 422), response.text
            if role == "client" and short != "/reports":
                assert OTHER not in response.text.replace(f"'{OTHER}'", "")


@pytest.mark.parametrize("path", [path for path in ROUTES if path.removeprefix(PREFIX) in OPEN_TO_CLIENTS])
def test_a_client_gets_its_own_numbers_and_no_other_however_it_asks(path: str, served: Served) -> None:
    made = call(ROUTES[path], OWN) or call(ROUTES[path], None)
    assert made is not None
    target, query = made
    for name in ("client_id", "client", "search"):
        for value in (OTHER, f"{OWN}&client_id={OTHER}", f"{OTHER}%00", OTHER.upper(), f" {OTHER}"):
            response = served.get(target, "client", **(query | {name: value}))
            assert OTHER not in response.text.replace(value, "") or response.status_code != 200
            if response.status_code == 200:
                assert f'"{OTHER}"' not in response.text


def test_a_client_that_names_no_client_gets_its_own(served: Served) -> None:
    bills = served.get("/billing/2024-01", "client").json()["data"]["clients"]
    assert [bill["client_id"] for bill in bills] == [OWN]
    rows = served.get("/export/json", "client", **RANGE).json()
    assert {row["client_id"] for row in rows} == {OWN}
    assert len(served.get("/export/json", "analyst", **RANGE).json()) > len(rows) > 0


def test_raw_metadata_is_for_admins_and_analysts(served: Served) -> None:
    for role in ROLES:
        asked = served.get("/export/json", role, metadata="true", **RANGE)
        by_default = served.get("/export/json", role, **RANGE).json()
        included = role in ("admin", "analyst")
        assert (asked.status_code == 200) == included
        assert ("metadata" in by_default[0]) == included
        assert "metadata" not in served.get("/export/json", role, metadata="false", **RANGE).json()[0]


@pytest.mark.parametrize("path", ROUTES)
def test_a_token_needs_the_scope(path: str, served: Served) -> None:
    guard = guard_of(ROUTES[path])
    assert guard is not None
    needed = RULES[guard.action, guard.resource].scope
    made = call(ROUTES[path], None) or call(ROUTES[path], OWN)
    assert made is not None
    for scope in SCOPES:
        token = tokens.issue(served.database, "admin", datetime.now(UTC), scopes=(scope,))
        headers = {"Authorization": f"Bearer {token}"}
        status = served.get(made[0], headers=headers, **made[1]).status_code
        assert (status == 403) == (scope != needed)


def test_a_file_needs_the_scope_export(served: Served) -> None:
    token = tokens.issue(served.database, "analyst", datetime.now(UTC), scopes=("read",))
    headers = {"Authorization": f"Bearer {token}"}
    assert served.get("/reports/traffic", headers=headers, **RANGE).status_code == 200
    refused = served.get("/reports/traffic", headers=headers, format="csv", **RANGE)
    assert refused.status_code == 403
    assert "scope export" in refused.json()["detail"]


def wrong_headers(token: str, database: Database) -> dict[str, dict[str, str]]:
    now = datetime.now(UTC)
    expired = tokens.issue(database, "admin", now - timedelta(days=2), lifetime=timedelta(days=1))
    revoked = tokens.issue(database, "admin", now, label="revoked")
    (newest, *_) = [info for info in tokens.listing(database) if info.label == "revoked"]
    tokens.revoke(database, newest.token_id, now)
    if all(user.username != "gone" for user in users.listing(database)):
        users.add(database, "gone", "a long password", now)
    disabled = tokens.issue(database, "gone", now)
    users.set_active(database, "gone", False)
    values = {
        "none": "", "forged": f"Bearer rat_{'A' * 43}", "truncated": f"Bearer {token[:-1]}",
        "longer": f"Bearer {token}x", "without prefix": f"Bearer {token.removeprefix('rat_')}", "bare": token,
        "basic": "Basic YWRtaW46YWRtaW4=", "scheme": f"Token {token}", "expired": f"Bearer {expired}",
        "revoked": f"Bearer {revoked}", "disabled": f"Bearer {disabled}", "sql": "Bearer rat_' OR 1=1 --",
        "other case": f"Bearer {token.swapcase()}", "two": f"Bearer {token}, Bearer {token}",
        "huge": "Bearer " + "r" * 9000,
    }  # fmt: skip
    return {name: {"Authorization": value} if value else {} for name, value in values.items()}


def test_no_route_answers_without_a_valid_token(served: Served) -> None:
    wrong = wrong_headers(served.tokens["admin"], served.database)
    for path, route in ROUTES.items():
        made = call(route, None) or call(route, OWN)
        assert made is not None
        for name, headers in wrong.items():
            response = served.client.get(PREFIX + made[0], params=made[1], headers=headers)
            assert response.status_code == 401, (path, name)
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert response.json()["status"] == 401
        query = made[1] | {"token": served.tokens["admin"], "access_token": served.tokens["admin"]}
        assert served.client.get(PREFIX + made[0], params=query).status_code == 401


def written(key: str, headers: dict[str, str], served: Served) -> Response:
    """A call of a route that changes something, about what does not exist and with nothing in its body."""
    method, path = key.split()
    target = PREFIX + re.sub(r"\{[a-z_]+_id\}", "999999", path).replace("{name}", "nothing")
    body: dict[str, str] | None = None if method == "DELETE" else {}
    found: Response = served.client.request(method, target, headers=headers, json=body)
    return found


@pytest.mark.parametrize("key", WRITES)
def test_nobody_changes_what_is_not_theirs_and_everybody_what_is(key: str, served: Served) -> None:
    for role in ROLES:
        response = written(key, {"Authorization": f"Bearer {served.tokens[role]}"}, served)
        assert (response.status_code != 403) == (role in MAY_CHANGE[key]), (role, response.text)
        assert response.status_code in (403, 404, 422), response.text


@pytest.mark.parametrize("key", WRITES)
def test_a_change_needs_a_valid_token_with_the_scope(key: str, served: Served) -> None:
    for name, headers in wrong_headers(served.tokens["admin"], served.database).items():
        assert written(key, headers, served).status_code == 401, name
    guard = guard_of(WRITES[key])
    assert guard is not None
    for scope in SCOPES:
        token = tokens.issue(served.database, "admin", datetime.now(UTC), scopes=(scope,))
        status = written(key, {"Authorization": f"Bearer {token}"}, served).status_code
        assert (status == 403) == (scope != RULES[guard.action, guard.resource].scope)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_else_can_be_changed(method: str, served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.tokens['admin']}"}
    for path, route in ROUTES.items():
        if f"{method} {path.removeprefix(PREFIX)}" in WRITES:
            continue
        made = call(route, None) or call(route, OWN)
        assert made is not None
        assert served.client.request(method, PREFIX + made[0], headers=headers).status_code == 405, path
