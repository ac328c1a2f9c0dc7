"""How the invented relay answers: outcomes, refusals and response times, drawn for many messages at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.demo.world import DUPLICATE_SHARE, REJECTED_SHARE

Floats = NDArray[np.float64]


class Endings(NamedTuple):
    """Shares of the outcomes of a verb (the rest is `ok`) and the codes of its refusals with their shares."""

    shares: dict[str, float]
    codes: dict[str, float]


ENDINGS: dict[str, Endings] = {
    "EVENT": Endings(
        {"duplicate": DUPLICATE_SHARE, "rejected": REJECTED_SHARE, "failed": 0.002, "unanswered": 0.001},
        {"blocked": 40, "invalid": 25, "rate-limited": 25, "pow": 5, "restricted": 5},
    ),
    "REQ": Endings(
        {"cancelled": 0.02, "rejected": 0.012, "failed": 0.002, "abandoned": 0.004},
        {"rate-limited": 50, "auth-required": 30, "blocked": 20},
    ),
    "COUNT": Endings({"rejected": 0.02}, {"unsupported": 60, "blocked": 40}),
    "AUTH": Endings({"rejected": 0.06}, {"auth-required": 60, "invalid": 40}),
    "NEG-OPEN": Endings({"rejected": 0.03}, {"blocked": 50, "closed": 50}),
    "NEG-MSG": Endings({"rejected": 0.01}, {"closed": 100}),
}
"""Verbs that are not listed expect no answer."""

REASONS: dict[str, str] = {
    "blocked": "blocked: kind 1337 is not accepted here",
    "invalid": "invalid: invalid event signature",
    "rate-limited": "rate-limited: slow down",
    "pow": "pow: required a difficulty >= 20",
    "restricted": "restricted: members only",
    "auth-required": "auth-required: you must auth",
    "unsupported": "unsupported: no COUNT here",
    "closed": "closed: you took too long to respond",
    "error": "error: could not connect to the database",
}

MEDIAN_MS: dict[str, tuple[float, float]] = {
    "EVENT": (8, 0.9), "REQ": (15, 1.71), "COUNT": (20, 1.2), "AUTH": (3, 0.5),
    "NEG-OPEN": (25, 1.0), "NEG-MSG": (20, 1.0),
}  # fmt: skip
"""Median and logarithmic spread of the response times; REQ reaches 800 ms in one of a hundred."""

LONGEST_MS = 29_000.0
SILENT = frozenset({"unanswered", "cancelled", "abandoned"})


def outcomes(
    random: np.random.Generator, verb: str, rejected: Floats, unanswered: Floats
) -> tuple[list[str], list[str | None]]:
    """Outcome and error code of each message; the two arrays raise these shares during incidents (EVENTs only)."""
    count = len(rejected)
    endings = ENDINGS.get(verb)
    if endings is None:
        return ["ok"] * count, [None] * count
    names = ["ok", *endings.shares]
    shares = np.array([1 - sum(endings.shares.values()), *endings.shares.values()])
    drawn = random.choice(len(names), count, p=shares)
    if verb == "EVENT":
        chance = random.random(count)
        drawn[chance < rejected] = names.index("rejected")
        drawn[chance > 1 - unanswered] = names.index("unanswered")
    refusals = random.choice(
        list(endings.codes), count, p=np.array(list(endings.codes.values())) / sum(endings.codes.values())
    ).tolist()
    ended = [names[index] for index in drawn]
    return ended, [_code(outcome, refusal) for outcome, refusal in zip(ended, refusals, strict=True)]


def response_times(random: np.random.Generator, verb: str, ended: list[str], slowness: Floats) -> list[float | None]:
    """Milliseconds until the answer; None where no answer is due or none came."""
    if verb not in MEDIAN_MS:
        return [None] * len(ended)
    median, spread = MEDIAN_MS[verb]
    drawn = np.minimum(random.lognormal(np.log(median), spread, len(ended)) * slowness, LONGEST_MS)
    return [
        None if outcome in SILENT else time for outcome, time in zip(ended, np.round(drawn, 3).tolist(), strict=True)
    ]


def _code(outcome: str, refusal: str) -> str | None:
    match outcome:
        case "rejected":
            return refusal
        case "failed":
            return "error"
        case "unanswered":
            return "unanswered"
    return None
