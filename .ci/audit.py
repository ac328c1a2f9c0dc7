"""Look up known weaknesses of the locked dependencies: they fail the check, an unreachable service does not.

`python .ci/audit.py REQUIREMENTS`. What could not be looked up is said loudly, so that silence means that all was.
"""

from __future__ import annotations

import json
import subprocess
import sys

PATIENCE = 60
"""Seconds until the look-up is given up."""


def main(requirements: str) -> int:
    options = ["--disable-pip", "--progress-spinner", "off", "--format", "json", "-r", requirements]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", *options], capture_output=True, text=True, timeout=PATIENCE
        )
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError, KeyError) as error:
        return _not_looked_up("any dependency", type(error).__name__)
    for one in found:
        for weakness in one.get("vulns", []):
            fixed = ", ".join(weakness["fix_versions"]) or "none yet"
            print(f"{one['name']} {one['version']}: {weakness['id']}, fixed in: {fixed}", file=sys.stderr)
    skipped = [one["name"] for one in found if "skip_reason" in one]
    if skipped:
        _not_looked_up(f"{len(skipped)} of {len(found)} dependencies", skipped[0] + ", …")
    return 1 if any(one.get("vulns") for one in found) else 0


def _not_looked_up(what: str, why: str) -> int:
    print(f"\n  !!!  DEPENDENCY AUDIT INCOMPLETE: {what} could not be looked up ({why})\n", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
