"""Events as columns: how they wait in a spool, and what the writer makes rows of."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Event
from core.storage import cleaning
from core.storage.arrays import integers, milliseconds, present, small_integers

Array = NDArray[Any]

Places = dict[str, int]
"""Names and their places in the order in which they were met: a new name gets the next place."""


def places(known: Places | None = None) -> Places:
    """Names with their places, which gives the next place to a name that is new; `known`: names that have theirs."""
    found: Places = defaultdict(count(len(known or ())).__next__)
    found.update(known or {})
    return found


@dataclass(frozen=True, eq=False)
class EventColumns(Sequence[Event]):
    """Events of one batch or write, transposed; also a sequence of these events."""

    timestamp: Array
    clients: Places
    client: Array  # place in `clients`
    event_type: Array  # place in EVENT_TYPES
    outcome: Array  # place in OUTCOMES
    error_code: Array  # 0: none, otherwise 1 + place in ERROR_CODES
    response_time_ms: Array
    first_event_ms: Array
    integers: Mapping[str, Array]  # bytes_in, bytes_out, payload_in, payload_out, events_out, connection
    kind: Array  # -1: none
    event_id: Array  # 32 bytes each
    has_id: Array
    apps: Places
    app: Array  # place in `apps`; -1: none
    metadata: Sequence[bytes | None] | None = None  # as JSON; None: none has any

    def __len__(self) -> int:
        return len(self.timestamp)

    @overload
    def __getitem__(self, place: int) -> Event: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Event]: ...
    def __getitem__(self, place: int | slice) -> Event | Sequence[Event]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        text = None if self.metadata is None else self.metadata[place]
        code = int(self.error_code[place])
        kind, app = int(self.kind[place]), int(self.app[place])
        return Event(
            int(self.timestamp[place]),
            list(self.clients)[int(self.client[place])],
            EVENT_TYPES[int(self.event_type[place])],
            OUTCOMES[int(self.outcome[place])],
            None if code == 0 else ERROR_CODES[code - 1],
            _known(self.response_time_ms[place]),
            _known(self.first_event_ms[place]),
            bytes_in=int(self.integers["bytes_in"][place]),
            bytes_out=int(self.integers["bytes_out"][place]),
            payload_in=int(self.integers["payload_in"][place]),
            payload_out=int(self.integers["payload_out"][place]),
            events_out=int(self.integers["events_out"][place]),
            kind=None if kind < 0 else kind,
            event_id=self.event_id[place].tobytes() if self.has_id[place] else None,
            connection=int(self.integers["connection"][place]),
            app=None if app < 0 else list(self.apps)[app],
            metadata=None if text is None else msgspec.json.decode(text),
        )

    def __iter__(self) -> Iterator[Event]:
        return map(self.__getitem__, range(len(self)))

    def storable(self) -> bool:
        """Whether the database takes all of them as they are: none needs cleaning. Metadata is looked at apart."""
        highest = {name: int(values.max()) for name, values in self.integers.items()}
        lowest = min(int(self.integers[name].min()) for name in INTEGERS)
        clients, apps = list(self.clients), list(self.apps)
        return bool(
            self.timestamp.min() >= cleaning.EARLIEST
            and self.timestamp.max() < cleaning.LATEST
            and lowest >= 0
            and max(highest[name] for name in INTEGERS) <= cleaning.LARGEST_BYTES
            and highest["events_out"] <= cleaning.LARGEST_INT
            and self.kind.min() >= -1
            and self.kind.max() <= 65535
            and _times_fit(self.response_time_ms)
            and _times_fit(self.first_event_ms)
            and cleaning.all_storable(clients, cleaning.LONGEST_CLIENT)
            and cleaning.all_storable(apps, cleaning.LONGEST_APP)
            and not cleaning.any_address(clients)
            and all(cleaning.app_name(name) == name for name in apps)
        )


INTEGERS = ("bytes_in", "bytes_out", "payload_in", "payload_out", "events_out")
PLACE_OF_TYPE = {name: place for place, name in enumerate(EVENT_TYPES)}
PLACE_OF_OUTCOME = {name: place for place, name in enumerate(OUTCOMES)}
PLACE_OF_ERROR: dict[str | None, int] = {None: 0} | {name: place + 1 for place, name in enumerate(ERROR_CODES)}
NO_ID = bytes(32)


def transpose(events: Sequence[Event]) -> EventColumns | None:
    """The columns of events, or None when there are none or columns cannot tell some value."""
    if not events:
        return None
    clients, apps = places(), places()
    # A list per field: transposing tuples would cost more, and so do generators and one pass for several fields.
    try:
        times = present([event.timestamp for event in events])
        sums = {
            "bytes_in": present([event.bytes_in for event in events]),
            "bytes_out": present([event.bytes_out for event in events]),
            "payload_in": present([event.payload_in for event in events]),
            "payload_out": present([event.payload_out for event in events]),
            "events_out": present([event.events_out for event in events]),
        }
        connections = present([event.connection for event in events])
        client = present([clients[event.client] for event in events])
        event_type = small_integers([PLACE_OF_TYPE[event.event_type] for event in events])
        outcome = small_integers([PLACE_OF_OUTCOME[event.outcome] for event in events])
        error_code = small_integers([PLACE_OF_ERROR[event.error_code] for event in events])
        kind = [event.kind for event in events]
        kinds = integers(kind, absent=-1)
        response = [event.response_time_ms for event in events]
        first = [event.first_event_ms for event in events]
        responses, firsts = milliseconds(response, len(events)), milliseconds(first, len(events))
        "".join(clients)  # raises TypeError where a name is no text
        app = [event.app for event in events]
        no_apps = app.count(None) == len(app)
        app_places = [-1] * len(app) if no_apps else [-1 if name is None else apps[name] for name in app]
        "".join(apps)
        event_id = [event.event_id for event in events]
        ids = b"".join([value or NO_ID for value in event_id])
        has_id = small_integers([value is not None for value in event_id]).astype(bool)
        id_sizes = {len(value) for value in event_id if value is not None}
        given = [event.metadata for event in events]
        metadata = None
        if given.count(None) < len(given):
            metadata = [None if one is None else cleaning.encode_json(one) for one in given]
    except (KeyError, OverflowError, TypeError, ValueError, RecursionError, struct.error):
        return None
    told = (
        not (missing(responses) != response.count(None) or missing(firsts) != first.count(None))
        and int((kinds < 0).sum()) == kind.count(None)
        and id_sizes <= {32}
    )
    if not told:
        return None
    sums["connection"] = connections
    return EventColumns(
        times, clients, client, event_type, outcome, error_code, responses, firsts, sums, kinds,
        np.frombuffer(ids, dtype="V32"), has_id, apps, present(app_places), metadata,
    )  # fmt: skip


def missing(times: Array) -> int:
    return int(np.isnan(times).sum())


def _known(time: float) -> float | None:
    return None if np.isnan(time) else float(time)


def _times_fit(times: Array) -> bool:
    known = times[~np.isnan(times)]
    return len(known) == 0 or bool(known.min() >= 0 and known.max() < cleaning.LONGEST_TIME_MS)


def concatenated(parts: Sequence[EventColumns]) -> EventColumns:
    """The events of all parts, one after another. Raises ValueError when there are no parts."""
    if len(parts) == 1:  # names may be added to it, also where it was read from a spool and has a plain dict
        return replace(parts[0], clients=places(parts[0].clients), apps=places(parts[0].apps))
    clients, apps = places(), places()
    plain = ("timestamp", "event_type", "outcome", "error_code", "response_time_ms", "first_event_ms", "kind",
             "event_id", "has_id")  # fmt: skip
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in plain}
    texts: list[bytes | None] | None = None
    if any(part.metadata is not None for part in parts):
        texts = [text for part in parts for text in (part.metadata or [None] * len(part))]
    return EventColumns(
        clients=clients,
        client=np.concatenate([_numbered(clients, part.clients)[part.client] for part in parts]),
        integers={name: np.concatenate([part.integers[name] for part in parts]) for name in parts[0].integers},
        apps=apps,
        app=np.concatenate([np.append(_numbered(apps, part.apps), -1)[part.app] for part in parts]),
        metadata=texts,
        **joined,
    )


def _numbered(names: Places, of_part: Places) -> Array:
    """The places of a part's names among the names of all."""
    return np.array([names[name] for name in of_part], dtype=np.int64)
