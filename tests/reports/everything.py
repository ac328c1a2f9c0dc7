"""Every table of every report, to hold two databases or two moments against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from core import reports
from core.storage.database import Database
from tests.reports import oracle


def every_table(
    database: Database, clients: Sequence[str] = (), *, leave_out: Sequence[Any] = (), **asked: Any
) -> dict[str, pd.DataFrame]:
    """The tables by name; reports that take a client also for each of `clients`, as `… client 0 …`."""
    found: dict[str, pd.DataFrame] = {}
    for report in reports.REPORTS.values():
        if report in leave_out:
            continue
        takes = {parameter.name for parameter in report.parameters}
        given = {name: value for name, value in asked.items() if name in takes}
        whose: list[tuple[str, dict[str, str]]] = [] if report is reports.client else [("", {})]
        if "client" in takes:
            whose += [(f" client {place}", {"client": client}) for place, client in enumerate(clients)]
        for label, client in whose:
            result = report(database, now=oracle.LATER, **given, **client)
            found |= {f"{report.name}{label} {table.name}": result[table.name] for table in report.tables}
    return found
