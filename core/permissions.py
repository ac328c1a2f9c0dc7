"""Who may do what: every decision of pages, API and commands is made here, from one table.

A rule names the roles that have a right over the whole relay, whether a client of the relay has it over its own client
id, and the scope that a token needs for it. What no rule allows is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from core.exceptions import NotAllowedError

Action = Literal["read", "export", "manage"]
"""`read`: look at numbers; `export`: take a file away; `manage`: change who may do what."""
Resource = Literal[
    "catalogue",
    "report",
    "client",
    "billing",
    "events",
    "metadata",
    "exports",
    "audit",
    "accounts",
    "channels",
    "schedules",
    "annotations",
    "retention",
    "alerts",
    "incidents",
]
"""`catalogue`: the list of reports; `report`: reports on the whole relay; `client`: the report on one client; `events`:
raw events, `metadata` their column of that name; `exports`: what was exported, with its checksums; `channels`: the
destinations that reports and alerts are delivered to; `schedules`: scheduled reports, of which everyone manages their
own, and an admin all; `annotations`: what happened; `retention`: what is kept how long, and for whom longer;
`alerts`: rules and incidents, to `manage` them the rules, who is told and for how long not; `incidents`: to `manage`
them is to say that one was seen."""
Scope = Literal["read", "export", "admin"]
SCOPES: tuple[str, ...] = get_args(Scope)


class Viewer(Protocol):
    """Whoever acts: a signed-in user, or the user behind a token."""

    @property
    def role(self) -> str: ...

    @property
    def client_id(self) -> str | None:
        """The only client the viewer may see; None: not limited to one."""

    @property
    def scopes(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Rule:
    """`roles` have the right over the whole relay; with `own` a client of the relay has it over its own client id."""

    roles: tuple[str, ...]
    scope: Scope
    own: bool = False


@dataclass(frozen=True)
class Decision:
    """Whether something is allowed, and why not (a sentence for people; empty when it is)."""

    allowed: bool
    reason: str = ""


STAFF = ("admin", "analyst", "business")
RULES: Mapping[tuple[Action, Resource], Rule] = {
    ("read", "catalogue"): Rule(STAFF, "read", own=True),
    ("read", "report"): Rule(STAFF, "read"),
    ("read", "client"): Rule(STAFF, "read", own=True),
    ("read", "billing"): Rule(STAFF, "read", own=True),
    ("export", "report"): Rule(STAFF, "export"),
    ("export", "client"): Rule(STAFF, "export", own=True),
    ("export", "billing"): Rule(STAFF, "export", own=True),
    ("export", "events"): Rule(STAFF, "export", own=True),
    ("export", "metadata"): Rule(("admin", "analyst"), "export"),
    ("read", "exports"): Rule(STAFF, "export", own=True),
    ("read", "audit"): Rule(("admin",), "admin"),
    ("manage", "accounts"): Rule(("admin",), "admin"),
    ("read", "channels"): Rule(STAFF, "read"),
    ("manage", "channels"): Rule(("admin",), "admin"),
    ("read", "schedules"): Rule(STAFF, "read"),
    ("manage", "schedules"): Rule(STAFF, "export"),
    ("read", "annotations"): Rule(STAFF, "read"),
    ("manage", "annotations"): Rule(("admin", "analyst"), "admin"),
    ("read", "alerts"): Rule(STAFF, "read"),
    ("manage", "alerts"): Rule(("admin",), "admin"),
    ("manage", "incidents"): Rule(("admin", "analyst"), "admin"),
    ("read", "retention"): Rule(("admin",), "admin"),
    ("manage", "retention"): Rule(("admin",), "admin"),
}

WHAT: Mapping[Resource, str] = {
    "catalogue": "the list of reports",
    "report": "reports on the whole relay",
    "client": "reports on clients",
    "billing": "bills",
    "events": "raw events",
    "metadata": "the metadata of raw events",
    "exports": "records of exports",
    "audit": "the audit log",
    "accounts": "users and tokens",
    "channels": "channels",
    "schedules": "scheduled reports",
    "annotations": "annotations",
    "retention": "what is kept how long",
    "alerts": "alerts",
    "incidents": "incidents",
}


def decide(viewer: Viewer, action: Action, resource: Resource, client_id: str | None = None) -> Decision:
    """Whether `viewer` may do `action` to `resource`; `client_id` names the client it is about, if one.

    A viewer limited to one client that names none means its own: whoever goes on must then use `limited_to`.
    """
    rule = RULES.get((action, resource))
    if rule is None:
        return Decision(False, f"Nobody may {action} {WHAT[resource]}.")
    if rule.scope not in viewer.scopes:
        return Decision(False, f"This token lacks the scope {rule.scope}.")
    if viewer.role == "client":
        if not rule.own or viewer.client_id is None:
            return Decision(False, f"A client of the relay may not {action} {WHAT[resource]}, only its own numbers.")
        if client_id not in (None, viewer.client_id):
            return Decision(False, "A client of the relay may see only its own numbers.")
        return Decision(True)
    if viewer.role not in rule.roles:
        return Decision(False, f"The role {viewer.role} may not {action} {WHAT[resource]}.")
    return Decision(True)


def require(viewer: Viewer, action: Action, resource: Resource, client_id: str | None = None) -> None:
    """Raises NotAllowedError with the reason unless `decide` allows it."""
    decision = decide(viewer, action, resource, client_id)
    if not decision.allowed:
        raise NotAllowedError(decision.reason)


def limited_to(viewer: Viewer, client_id: str | None = None) -> str | None:
    """The client to read: the one asked for, or the viewer's only one."""
    return viewer.client_id if viewer.role == "client" else client_id


def resource_of(report: str) -> Resource:
    """What kind of thing a report is; any that is not about one client or its bills is about the whole relay."""
    return "client" if report == "client" else "billing" if report == "billing" else "report"
