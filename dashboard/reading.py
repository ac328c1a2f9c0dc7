"""Arguments of a report, read from the texts of an address."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args, get_type_hints

from core.exceptions import BadParameterError
from core.reports.declaration import Report

TRUE, FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


def read_arguments(report: Report, texts: Mapping[str, str]) -> dict[str, Any]:
    """Each text as the type that the report's function takes. Raises BadParameterError for what cannot be read."""
    types = _types(report)
    unknown = sorted(set(texts) - set(types))
    if unknown:
        raise BadParameterError(f"{report.name} takes no {', '.join(unknown)}; it takes {', '.join(types)}.")
    missing = [p.name for p in report.parameters if p.name in ("start", "end") and p.name not in texts]
    if missing:
        raise BadParameterError(f"{report.name} needs {' and '.join(missing)}.")
    return {name: _read(name, text, types[name]) for name, text in texts.items()}


def _types(report: Report) -> dict[str, set[type]]:
    hints = _hints(report.run)
    return {p.name: set(get_args(hints[p.name])) or {hints[p.name]} for p in report.parameters}


_hints = cache(get_type_hints)


def _read(name: str, text: str, types: set[type]) -> Any:
    if bool in types:
        if text.lower() in TRUE | FALSE:
            return text.lower() in TRUE
        raise BadParameterError(f"{name} is {text!r}; it can be true or false.")
    if int in types:
        try:
            return int(text)
        except ValueError as error:
            raise BadParameterError(f"{name} is {text!r}; it is a whole number.") from error
    return text
