"""Notices of incidents: made by `core.alerts.evaluation`, sent here."""

from __future__ import annotations

from core.alerts import notices
from core.alerts.machine import Transition
from ingest.jobs.task import Work


def send_notice(work: Work, incident: int, transition: Transition, channel: str) -> str:
    return notices.send(
        work.database, work.settings, work.now, incident=incident, transition=transition, channel=channel
    )


def requeue_notices(work: Work) -> str:
    return f"{notices.requeue(work.database)} on their way"
