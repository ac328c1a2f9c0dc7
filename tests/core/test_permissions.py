"""The table of rights, read as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import get_args

import pytest

from core.accounts.users import ROLES
from core.exceptions import NotAllowedError
from core.permissions import SCOPES, Action, Resource, decide, limited_to, require, resource_of
from core.reports import REPORTS


@dataclass(frozen=True)
class Someone:
    role: str
    client_id: str | None = None
    scopes: tuple[str, ...] = SCOPES


CLIENT = Someone("client", "mine")
EXPECTED = {
    "admin": "read catalogue, read report, read client, read billing, read exports, read audit, export report, "
    "export client, export billing, export events, export metadata, manage accounts, "
    "read channels, manage channels, read schedules, manage schedules, read annotations, manage annotations, "
    "read retention, manage retention, read alerts, manage alerts, manage incidents",
    "analyst": "read catalogue, read report, read client, read billing, read exports, export report, export client, "
    "export billing, export events, export metadata, read channels, "
    "read schedules, manage schedules, read annotations, manage annotations, read alerts, manage incidents",
    "business": "read catalogue, read report, read client, read billing, read exports, export report, export client, "
    "export billing, export events, read channels, read schedules, manage schedules, read annotations, read alerts",
    "client": "read catalogue, read client, read billing, read exports, export client, export billing, export events",
}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_is_said_and_nothing_else(role: str) -> None:
    someone = CLIENT if role == "client" else Someone(role)
    allowed = {
        f"{action} {resource}"
        for action, resource in product(get_args(Action), get_args(Resource))
        if decide(someone, action, resource).allowed
    }
    assert allowed == set(EXPECTED[role].split(", "))


def test_a_client_may_name_itself_and_no_other() -> None:
    for action, resource in product(get_args(Action), get_args(Resource)):
        assert not decide(CLIENT, action, resource, "yours").allowed
        assert decide(CLIENT, action, resource, "mine") == decide(CLIENT, action, resource)
    assert limited_to(CLIENT) == limited_to(CLIENT, "yours") == "mine"
    assert limited_to(Someone("analyst"), "yours") == "yours"
    assert limited_to(Someone("analyst")) is None


def test_a_client_without_a_client_id_and_an_unknown_role_may_do_nothing() -> None:
    for someone in (Someone("client"), Someone("root"), Someone("")):
        for action, resource in product(get_args(Action), get_args(Resource)):
            assert not decide(someone, action, resource).allowed


def test_without_scopes_nothing_is_allowed() -> None:
    for action, resource in product(get_args(Action), get_args(Resource)):
        assert not decide(Someone("admin", scopes=()), action, resource).allowed


def test_a_refusal_says_why() -> None:
    with pytest.raises(NotAllowedError, match="The role business may not export the metadata of raw events"):
        require(Someone("business"), "export", "metadata")
    with pytest.raises(NotAllowedError, match="lacks the scope export"):
        require(Someone("admin", scopes=("read",)), "export", "events")
    with pytest.raises(NotAllowedError, match="only its own numbers"):
        require(CLIENT, "read", "client", "yours")


def test_a_new_report_is_about_the_whole_relay() -> None:
    assert {name for name in [*REPORTS, "forecast"] if resource_of(name) != "report"} == {"client", "billing"}
