"""Another plugin, asked for each decision; its answers are passed on as they are."""

from __future__ import annotations

import contextlib
import subprocess
import sys


class WrappedPlugin:
    """Runs a command in a shell, as strfry does; again with the next event after it ended."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def tell(self, line: bytes) -> bool:
        """Hands a line over. False when the plugin is gone."""
        process = self._running()
        assert process.stdin is not None  # noqa: S101
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except OSError:
            self._gone(process)
            return False
        return True

    def ask(self, line: bytes) -> bytes | None:
        """The plugin's answer to a line, or None when it gives none because it ended."""
        if not self.tell(line) or self._process is None:
            return None
        assert self._process.stdout is not None  # noqa: S101
        answer = self._process.stdout.readline()
        if not answer.endswith(b"\n"):
            self._gone(self._process)
            return None
        return answer

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._gone(self._process)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", self._command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        return self._process

    def _gone(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not written yet goes nowhere
                    pipe.close()
        code = process.wait()
        print(f"relay-analytics: the plugin {self._command!r} ended with code {code}", file=sys.stderr, flush=True)
