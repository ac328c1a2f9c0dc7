"""Every report query, one per file, named by its use. Each can be run by hand: parameters are `%(name)s`."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def load(name: str) -> str:
    """The text of `core/sql/<name>.sql`. Raises FileNotFoundError for an unknown name."""
    return resources.files(__package__).joinpath(f"{name}.sql").read_text()
