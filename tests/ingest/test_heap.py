"""What copies of traffic took is there for the next ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

FILL_TWICE = """
import resource
from ingest.heap import keep_freed_memory

def fill():
    copies = [bytes(range(256)) * size for size in (80, 900) for _ in range(8)]  # 20 and 225 KiB: below and above 128

if KEEP and not keep_freed_memory():
    print("no glibc")
else:
    fill()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    fill()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_faulted_in(*, keep: bool) -> int:
    """By filling two megabytes again."""
    done = subprocess.run(
        [sys.executable, "-c", FILL_TWICE.replace("KEEP", str(keep))], capture_output=True, text=True, check=True
    )
    if "glibc" in done.stdout:
        pytest.skip("the C library is not glibc: its memory cannot be told to stay")
    return int(done.stdout)


def test_memory_that_was_freed_needs_no_new_pages() -> None:
    assert pages_faulted_in(keep=True) < pages_faulted_in(keep=False) / 10
