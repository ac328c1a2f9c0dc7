"""The recipe of docs/collector.md, run as it is written."""

from __future__ import annotations

import asyncio
import os
import re

from core.settings import ROOT, Settings
from tests.collector.conftest import Sender, events

RECIPE = re.compile(r"```console\n\$ (curl .*?\nEND)\n(\{.*?\})\n```", re.DOTALL)


async def test_the_recipe_answers_what_it_says(sender: Sender, settings: Settings) -> None:
    found = RECIPE.search((ROOT / "docs" / "collector.md").read_text())
    assert found is not None
    command = found[1].replace("localhost:7070", f"localhost:{sender.port}")
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, env={**os.environ, "TOKEN": sender.token}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode() == found[2]
    assert [(event.client, event.metadata) for event in events(settings)] == [
        ("alice", {"type": "login"}),
        ("bob", {"type": "message"}),
    ]
