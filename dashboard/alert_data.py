"""Incidents and rules for pages: read for all viewers together, every few seconds at most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from core.alerts import administration, store
from core.alerts.store import Incident, Kept, Standing
from dashboard.places import database

LOOKED = timedelta(seconds=60)
"""After a longer time without a look at the rules the page says that nobody looks."""
PAST = timedelta(days=30)


@dataclass(frozen=True)
class Alerts:
    """`looked_at`: when the rules were last looked at; `told`: who is told where a rule names nobody."""

    rules: list[Kept]
    standings: dict[str, Standing]
    incidents: list[Incident]
    looked_at: datetime | None
    milliseconds: float | None
    told: list[str]

    @property
    def open(self) -> list[Incident]:
        """The gravest first."""
        grave = {"critical": 0, "warning": 1, "info": 2}
        return sorted((each for each in self.incidents if each.open), key=lambda each: grave[each.rule.severity])

    @property
    def past(self) -> list[Incident]:
        return [each for each in self.incidents if not each.open]

    def watched(self, at: datetime) -> bool:
        """Whether anybody looks at the rules."""
        return self.looked_at is not None and at - self.looked_at < LOOKED


def read(scope: str, at: datetime) -> Alerts:
    """Of viewers with `scope`; what was read within the same two seconds is read once. Raises
    DatabaseUnavailableError."""
    return _read(scope, int(at.timestamp()) // 2)


@st.cache_data(ttl=10, max_entries=8, show_spinner=False)
def _read(scope: str, tick: int) -> Alerts:
    at = datetime.fromtimestamp(tick * 2).astimezone()
    looked_at, milliseconds = store.last_round(database())
    return Alerts(
        store.rules(database()),
        store.standings(database()),
        store.incidents(database(), since=at - PAST, limit=300),
        looked_at,
        milliseconds,
        administration.told_of_all(database()),
    )


def forget() -> None:
    """What was changed shows at once."""
    _read.clear()
