"""Callers who ask the same at the same time share one reading."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.sharing import Shared
from core.exceptions import BadParameterError
from core.reports.declaration import Result
from tests.api.served import OTHER, OWN, RANGE, Served

RESULT = Result(meta=None, tables={})  # type: ignore[arg-type]


class Asked:
    """A key that counts how often it was looked up."""

    def __init__(self) -> None:
        self.looked_up = threading.Semaphore(0)

    def __hash__(self) -> int:
        self.looked_up.release()
        return 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Asked)


def never() -> Result:
    raise AssertionError("read although it was being read")


@pytest.mark.parametrize("fails", [False, True])
def test_who_comes_while_it_is_read_gets_that_reading(fails: bool) -> None:
    shared, key = Shared(), Asked()
    begun, go_on = threading.Event(), threading.Event()

    def read() -> Result:
        begun.set()
        go_on.wait()
        if fails:
            raise BadParameterError("no")
        return RESULT

    with ThreadPoolExecutor() as threads:
        first = threads.submit(shared, key, read)
        begun.wait()
        joined = Asked()
        second = threads.submit(shared, joined, never)
        joined.looked_up.acquire()
        with shared._lock:  # the look-up that was begun is over
            go_on.set()
        for one in (first, second):
            if fails:
                with pytest.raises(BadParameterError, match="no"):
                    one.result()
            else:
                assert one.result() is RESULT


def test_who_comes_later_reads_again() -> None:
    shared, read = Shared(), []
    for _ in range(3):
        shared("same", lambda: read.append(1) or RESULT)  # type: ignore[func-returns-value]
    assert len(read) == 3


def test_callers_of_different_rights_never_share(served: Served) -> None:
    def clients(role: str) -> set[str]:
        rows = served.get("/billing/2024-01", role).json()["data"]["clients"]
        return {row["client_id"] for row in rows}

    with ThreadPoolExecutor(16) as threads:
        roles = ["client", "admin"] * 20
        for role, found in zip(roles, threads.map(clients, roles), strict=True):
            assert found == ({OWN} if role == "client" else {OWN, OTHER})
    assert served.get("/reports/traffic", **RANGE).status_code == 200
