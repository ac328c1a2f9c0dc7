"""No page without a user who may see it, however Streamlit came to run it."""

from __future__ import annotations

import ast
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from core.accounts import sessions, users
from core.settings import ROOT
from core.storage.database import Database
from dashboard.nav import ENTRIES
from tests.dashboard.conftest import PAGES, OpenApp

STAFF = ("admin", "analyst", "business")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_guards_itself_before_anything_else(name: str) -> None:
    """Streamlit may run a file of pages/ without Home.py: after imports, the guard is the first statement."""
    body = ast.parse((ROOT / "pages" / name).read_text()).body
    is_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    statements = [node for node in body[is_docstring:] if not isinstance(node, ast.Import | ast.ImportFrom)]
    first = statements[0]
    assert isinstance(first, ast.Expr | ast.Assign)
    assert isinstance(first.value, ast.Call)
    assert ast.unparse(first.value.func) == "auth.require"
    roles = {ast.literal_eval(argument) for argument in first.value.args}
    entry = next(entry for entry in ENTRIES if entry.file == f"pages/{name}")
    assert roles == set(entry.roles)


@pytest.mark.parametrize("name", PAGES)
def test_fragments_of_a_page_check_the_user_too(name: str) -> None:
    """A fragment's rerun skips the top of the page."""
    for node in ast.walk(ast.parse((ROOT / "pages" / name).read_text())):
        if isinstance(node, ast.FunctionDef) and any("st.fragment" in ast.unparse(d) for d in node.decorator_list):
            assert "auth.recheck(user)" in ast.unparse(node), f"{node.name} does not check the user"


def test_every_page_is_in_the_navigation() -> None:
    assert sorted(entry.file for entry in ENTRIES) == [f"pages/{name}" for name in PAGES]


def run_page(app: AppTest, name: str) -> AppTest:
    app.run()
    default = next(entry.file for entry in ENTRIES if entry.default)
    return app if f"pages/{name}" == default else app.switch_page(f"pages/{name}").run()


@pytest.mark.parametrize("name", PAGES)
def test_a_signed_out_visitor_sees_the_sign_in_form_only(app: OpenApp, name: str) -> None:
    page = run_page(app(None), name)
    assert not page.exception
    assert [field.label for field in page.text_input] == ["Username", "Password"]
    assert not page.metric
    assert not page.segmented_control


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("role", users.ROLES)
def test_a_page_opens_for_the_roles_that_include_it_and_no_other(app: OpenApp, name: str, role: str) -> None:
    page = run_page(app(role), name)
    assert not page.exception
    allowed = next(entry.roles for entry in ENTRIES if entry.file == f"pages/{name}")
    refused = [error.value for error in page.error if "role does not include" in error.value]
    assert bool(refused) == (role not in allowed)
    if refused:
        assert not page.segmented_control


def test_an_ended_session_meets_the_form_at_the_next_run(app: OpenApp, people: Database) -> None:
    page = app("analyst").run()
    assert page.segmented_control
    assert sessions.end_all(people, "analyst") == 1
    page.run()
    assert [field.label for field in page.text_input] == ["Username", "Password"]
    assert not page.segmented_control


def test_a_user_who_loses_the_role_loses_the_page_at_the_next_run(app: OpenApp, people: Database) -> None:
    page = app("analyst").run()
    with people.borrow() as connection:
        connection.execute("UPDATE users SET role = 'client', client_id = 'address:1' WHERE username = 'analyst'")
    page.run()
    assert not page.segmented_control
    assert any("role does not include" in error.value for error in page.error)


def test_an_expired_session_is_nobody(people: Database, monkeypatch: pytest.MonkeyPatch, app: OpenApp) -> None:
    page = app("analyst")
    with people.borrow() as connection:
        connection.execute("UPDATE sessions SET expires_at = %s", [datetime.now(UTC)])
    page.run()
    assert page.text_input
