"""What an operator should know about ingest, in sentences: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.formats import count, percent

WAITS_LONG = 30.0
"""Seconds a batch may wait in a spool before it is worth a word."""
FILLING = 0.5
"""Share of the spool that is used before it is grave."""


@dataclass(frozen=True)
class Advice:
    """`grave`: records are being lost, or soon will be."""

    what: str
    do: str
    grave: bool


def advice(summary: Mapping[str, float]) -> list[Advice]:
    """What of the ingest report's summary an operator should act on, the gravest first; nothing when all is well."""
    found = []
    if summary["dropped_recently"] > 0:
        found.append(
            Advice(
                f"{count(summary['dropped_recently'])} records were dropped within the last hour: the spool or its "
                "disk is full, or did not take them in time.",
                "See that the database takes rows and that the disk of DATA_DIR has room; SPOOL_MAX_BYTES bounds the "
                "spool.",
                grave=True,
            )
        )
    found += _waiting(summary)
    if summary["lost"] > 0:
        found.append(
            Advice(
                f"{count(summary['lost'])} records never arrived: their spool was damaged.",
                "Check the disk of DATA_DIR; what could be read of the spool is stored.",
                grave=False,
            )
        )
    if summary["quarantined_recently"] > 0:
        found.append(
            Advice(
                f"{count(summary['quarantined_recently'])} records were refused within the last hour.",
                "relay-analytics status lists the reasons; the table quarantine has samples.",
                grave=False,
            )
        )
    return sorted(found, key=lambda one: not one.grave)


def _waiting(summary: Mapping[str, float]) -> list[Advice]:
    seconds, share = summary["waiting_seconds"], summary["spool_share"]
    if not (seconds > WAITS_LONG or share > FILLING):  # unknown: nothing to say
        return []
    return [
        Advice(
            f"{count(summary['waiting_records'])} records wait for the database, the oldest for {seconds:,.0f} s; "
            f"the spool is {percent(share * 100)} full.",
            "See the log of the writer and whether the database takes rows. Nothing is lost until the spool is full.",
            grave=share > FILLING,
        )
    ]
