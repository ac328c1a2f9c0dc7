"""The verification that the documentation shows is run against real calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from core.delivery.channels import deliver
from core.settings import ROOT
from tests.delivery.receivers import hook_server
from tests.delivery.test_webhook import PRIVATE, REPORT, SECRET, plain


@pytest.fixture
def verify() -> Callable[..., None]:
    page = (ROOT / "docs" / "channels.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102
    found: Callable[..., None] = names["verify"]
    return found


def test_the_snippet_takes_what_is_sent_and_refuses_what_was_changed_or_is_old(verify: Callable[..., None]) -> None:
    with hook_server() as hook:
        deliver(plain(hook), REPORT, key="k", settings=PRIVATE)
    (call,) = hook.calls
    verify(SECRET, call.headers, call.body)
    with pytest.raises(ValueError, match="changed"):
        verify(SECRET, call.headers, call.body + b" ")
    with pytest.raises(ValueError, match="too old"):
        verify(SECRET, call.headers | {"webhook-timestamp": "1700000000"}, call.body)
