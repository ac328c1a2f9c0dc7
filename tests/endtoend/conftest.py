"""Keys, and nostr-tools where Node is installed."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest
from nostr_sdk import Keys

NODE_DIRECTORY = Path(__file__).parent / "node"


@pytest.fixture
def keys() -> Keys:
    return Keys.generate()


@pytest.fixture(scope="session")
def node_client() -> list[str]:
    """The command that runs a nostr-tools client. Skips where Node or npm is missing; installs what the lock says."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js with npm is not installed")
    lock, installed = NODE_DIRECTORY / "package-lock.json", NODE_DIRECTORY / "node_modules" / ".installed-lock.json"
    with (NODE_DIRECTORY / "package.json").open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_bytes() != lock.read_bytes():
            subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=NODE_DIRECTORY, check=True, timeout=100)
            shutil.copyfile(lock, installed)
    return [node, str(NODE_DIRECTORY / "client.mjs")]
