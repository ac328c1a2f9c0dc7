"""`relay-analytics settings`: every setting, its value and what it means."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.table import Table

from core.settings import ROOT, Settings, get_settings


def show(markdown: Annotated[bool, typer.Option(help="Print the page docs/settings.md instead.")] = False) -> None:
    """List every setting with its value and meaning (secrets stay hidden)."""
    if markdown:
        typer.echo(as_markdown(), nl=False)
        return
    values = get_settings()
    table = Table("Setting", "Value", "Meaning")
    for name, field in Settings.model_fields.items():
        table.add_row(name.upper(), str(getattr(values, name)), field.description)
    Console().print(table)


def as_markdown() -> str:
    """The page `docs/settings.md`: one row per setting."""
    lines = [
        "# Settings",
        "",
        "Environment variables, or lines of a file `.env` beside `pyproject.toml`. A wrong value stops the process at",
        "its start with the name of the setting and what it accepts.",
        "",
        "This page is made by `relay-analytics settings --markdown`.",
        "",
        "| Setting | Default | Meaning |",
        "|---|---|---|",
    ]
    rows = [
        f"| `{name.upper()}` | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(lines + rows) + "\n"


def _default(field: FieldInfo) -> str:
    default = field.get_default()
    if default in (None, ()):
        return "unset"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{str(default).removeprefix(str(ROOT) + '/')}`"
