"""What an evaluation knows of the machine it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from core.settings import Settings
from core.spools import spool_directory


@dataclass(frozen=True)
class Surroundings:
    """`spools`: directory of this machine's spools; `answer_timeout`: seconds after which a message is unanswered;
    `zone`: where weekdays and hours are those of the operator."""

    zone: ZoneInfo
    answer_timeout: float
    spools: Path | None
    spool_max_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> Surroundings:
        return cls(
            settings.zone, settings.tap_answer_timeout, spool_directory(settings), settings.spool_max_bytes
        )  # fmt: skip
