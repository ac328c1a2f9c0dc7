"""The encoder beside one that writes value by value."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.storage.binary_copy import Column, Payloads, encode
from core.storage.client_deltas import ELEMENT
from core.storage.deltas import group

Row = tuple[int, int | None, int, bytes | None]
VALUES = st.tuples(
    st.integers(-(2**31), 2**31 - 1),
    st.none() | st.integers(-(2**15), 2**15 - 1),
    st.integers(0, 2),
    st.none() | st.binary(max_size=5),
)
NUMBERS = np.array([70_000, 5, 0])


def plainly(row: Row) -> bytes:
    number, small, name, payload = row
    parts = [struct.pack(">hii", 4, 4, number)]
    parts.append(struct.pack(">i", -1) if small is None else struct.pack(">ih", 2, small))
    parts.append(struct.pack(">ii", 4, NUMBERS[name]))
    parts.append(struct.pack(">i", -1) if payload is None else struct.pack(">i", len(payload)) + payload)
    return b"".join(parts)


def columns_of(rows: list[Row]) -> list[Column]:
    small = np.array([row[1] or 0 for row in rows])
    return [
        Column("number", "integer", np.array([row[0] for row in rows], dtype=np.int64)),
        Column("small", "smallint", small, np.array([row[1] is not None for row in rows])),
        Column("name", "integer", np.array([row[2] for row in rows]), names="names"),
    ]


@given(st.lists(VALUES, min_size=1, max_size=60), st.sampled_from([1, 2, 20]))
def test_rows_are_encoded_as_value_by_value(rows: list[Row], times: int) -> None:
    rows = rows * times  # the same lengths again and again are laid out together
    pieces = encode(columns_of(rows), Payloads.of("payload", [row[3] for row in rows]))
    for _ in range(2):  # numbers may be put in again
        sent = b"".join(bytes(data) for piece in pieces for data in piece.data({"names": NUMBERS}))
        assert sorted(tuples(sent)) == sorted(map(plainly, rows))


def tuples(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        start, at = at, at + 2
        for _ in range(struct.unpack_from(">h", data, start)[0]):
            (size,) = struct.unpack_from(">i", data, at)
            at += 4 + max(size, 0)
        found.append(data[start:at])
    return found


def test_a_head_stands_before_the_items_and_counts_in_the_length() -> None:
    items = np.zeros(3, dtype=ELEMENT)
    items["value"] = [7, 8, 9]
    payloads = Payloads("bins", items, np.array([2, -1, 1]), lambda count: bytes([count]))
    pieces = encode([Column("n", "smallint", np.array([1, 2, 3]))], payloads)
    sent = b"".join(bytes(data) for piece in pieces for data in piece.data({}))
    element = [struct.pack(">ih", 0, value) for value in (7, 8, 9)]
    assert sorted(tuples(sent)) == sorted(
        [
            struct.pack(">hihi", 2, 2, 1, 13) + b"\2" + element[0] + element[1],
            struct.pack(">hihi", 2, 2, 2, -1),
            struct.pack(">hihi", 2, 2, 3, 7) + b"\1" + element[2],
        ]
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**40), st.integers(-5, 70_000)), max_size=40))
def test_groups_are_those_of_equal_keys_in_the_order_of_rows(keys: list[tuple[int, int, int]]) -> None:
    for width in (1, 2, 3):
        wanted: dict[tuple[int, ...], list[int]] = {}
        for place, key in enumerate(keys):
            wanted.setdefault(key[3 - width :], []).append(place)
        columns = [np.array([key[3 - 1 - part] for key in keys], dtype=np.int64) for part in range(width)]
        order, starts = group(columns)
        found = [part.tolist() for part in np.split(order, starts[1:])] if len(starts) else []
        assert sorted(found) == sorted(wanted.values())
