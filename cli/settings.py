"""`relay-analytics settings`: every setting, its value and what it means."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from core.settings import Settings, get_settings


def show() -> None:
    """List every setting with its value and meaning (secrets stay hidden)."""
    values = get_settings()
    table = Table("Setting", "Value", "Meaning")
    for name, field in Settings.model_fields.items():
        table.add_row(name.upper(), str(getattr(values, name)), field.description)
    Console().print(table)
