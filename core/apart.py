"""A function run in a process of its own, with a time limit: what it takes of memory is given back, and what hangs or
crashes in it (drawing, typesetting) neither holds up nor ends the process that asked."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from core.exceptions import ApartError
from core.settings import ROOT


def apart(function: str, *arguments: Any, seconds: float) -> Any:
    """What `module:function` returns for these values, which can be pickled; raises what it raises. By its name: so
    whoever asks loads nothing of what it needs.

    Raises ApartError when it takes longer, or its process ends.
    """
    asked = pickle.dumps((function, arguments))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "core.apart"], input=asked, capture_output=True, timeout=seconds, check=False,
            cwd=ROOT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ApartError(f"It took longer than {seconds:.0f} s.") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ApartError(f"Its process ended ({done.returncode}): {said[-1] if said else 'without a word'}")
    failed, value = pickle.loads(done.stdout)  # noqa: S301 (of our own process)
    if failed:
        raise value
    return value


def named(function: str) -> Callable[..., Any]:
    """The function behind `module:function`."""
    module, _, name = function.partition(":")
    return cast("Callable[..., Any]", getattr(import_module(module), name))


def _main() -> None:
    function, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 (from our own process)
    answer = sys.stdout.buffer
    sys.stdout = sys.stderr  # what libraries print is not part of the answer
    try:
        value, failed = named(function)(*arguments), False
    except Exception as error:  # noqa: BLE001 (the edge of the process: it is raised again where it was asked for)
        value, failed = error, True
    answer.write(pickle.dumps((failed, value)))


if __name__ == "__main__":
    _main()
