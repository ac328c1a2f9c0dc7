"""What clients sent of one kind over any whole hours, and in which steps of time: exact at every moment, from packs of
what has ended and rows of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from core.storage.client_days import NEVER
from core.storage.client_kind_packs import MARK, ONE_DAY
from core.storage.client_sums import DAY, Built, ClientSums, Ints, Sums, parts
from core.storage.kind_columns import WIDTHS
from core.storage.reading import Read, Rows
from core.storage.spans import EPOCH, Part, midnight, within


def kind_sums(read: Read, start: datetime, end: datetime, measures: Sequence[str], kind: int) -> ClientSums:
    """As `client_sums`, of EVENT messages of one kind; `measures` as in `kind_columns`. Others are zero: nothing is
    delivered for an EVENT. All reads must see one snapshot."""
    packs, rows = parts(start.astimezone(UTC), end.astimezone(UTC), Built(_before(read), NEVER, frozenset()))
    asked = {"kind": kind, "start": start, "end": end, "measures": ["client_no", *measures]}
    of_packs = {
        "hours": [part.hours for part in packs],
        "firsts": [part.start for part in packs],
        "signs": [part.sign for part in packs],
    }
    of_rows = {
        "firsts": [part.start for part in rows],
        "lasts": [part.end for part in rows],
        "signs": [part.sign for part in rows],
    }
    packed, open_rows = (
        read.ahead("client_kind_packs", asked | of_packs),
        read.ahead("client_kind_rows", asked | of_rows),
    )
    sums = Sums(measures)
    sums.add(packed())
    sums.add(open_rows())
    return sums.found()


def steps_of_senders(read: Read, edges: Sequence[datetime], kind: int) -> Ints:
    """(n, 2): in which step between two of `edges` (whole hours, ascending; -1: ever before the first) which client
    sent an EVENT of this kind, by their numbers; some pairs come twice."""
    before = _before(read)
    found = list(_steps([moment.astimezone(UTC) for moment in edges], before))
    asked = {"kind": kind, "edges": list(edges)}
    packed = read.ahead(
        "users_of_kind_packed",
        asked
        | {
            "steps": [step for step, _ in found],
            "hours": [part.hours for _, part in found],
            "firsts": [part.start for _, part in found],
            "lasts": [part.end for _, part in found],
        },
    )
    open_rows = read.ahead("users_of_kind_open", asked | {"packed_before": before})
    return np.concatenate([_senders(packed()), np.array(open_rows(), dtype=np.int64).reshape(-1, 2)])


def _before(read: Read) -> datetime:
    return read.mark(MARK) or midnight(NEVER)


def _steps(edges: Sequence[datetime], before: datetime) -> Iterator[tuple[int, Part]]:
    """Each step with the packs that make up what of it is before the mark."""
    today = midnight(before.date())
    for step, (start, end) in enumerate(pairwise([EPOCH, *edges]), -1):
        for part in within(start, min(end, today)):
            yield step, part
        if start <= today and before <= end:
            yield step, Part(ONE_DAY, today, today + DAY, 1)  # holds its hours that have ended
        else:
            for part in within(max(start, today), min(end, before)):
                yield step, part


def _senders(rows: Rows) -> Ints:
    """From rows of (step, number of clients, their numbers as packed)."""
    found = []
    for width in WIDTHS:
        chosen = [row for row in rows if len(row[2]) == width * row[1]]
        clients = np.frombuffer(b"".join(row[2] for row in chosen), dtype=f">u{width}").astype(np.int64)
        steps, sizes = (np.array([row[place] for row in chosen], dtype=np.int64) for place in (0, 1))
        found.append(np.column_stack([np.repeat(steps, sizes), clients]))
    return np.concatenate(found)
