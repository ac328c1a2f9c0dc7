"""Work done one item ahead, in a thread, while the caller is busy with the item before."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(items: Iterable[Item], work: Callable[[Item], Result]) -> Generator[tuple[Item, Future[Result]], None, None]:
    """Each item, in order, with what `work` makes of it or raises. Items are taken in the caller's thread.

    Close it when leaving early: it then waits for the work that has begun.
    """
    with ThreadPoolExecutor(1, "ahead") as thread:
        before: tuple[Item, Future[Result]] | None = None
        for item in items:
            following = (item, thread.submit(work, item))
            if before is not None:
                yield before
            before = following
        if before is not None:
            yield before
