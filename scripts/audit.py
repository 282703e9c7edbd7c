"""What is known to be vulnerable in the pinned set (``constraints.txt``), asked of the package index by pip-audit.

An index that keeps no such list is said and fails nothing; what is known fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

ASK = ("-m", "pip_audit", "-r", "constraints.txt", "--no-deps", "--disable-pip", "-f", "json", "--progress-spinner", "off")


def main() -> int:
    done = subprocess.run([sys.executable, *ASK], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        print(f"procy: the pinned packages were NOT checked for vulnerabilities: {last[0]}", file=sys.stderr)
        return 0
    for line in report(packages):
        print(line, file=sys.stderr)
    return any(one.get("vulns") for one in packages)


def report(packages: list[dict[str, Any]]) -> list[str]:
    """What to say of pip-audit's list of packages, each with ``vulns`` or a ``skip_reason``."""
    left_out = [one["name"] for one in packages if "skip_reason" in one]
    if len(left_out) == len(packages):
        return ["procy: the pinned packages were NOT checked for vulnerabilities: the index tells nothing of them"]
    found = [
        f"procy: {one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in packages
        for flaw in one.get("vulns", ())
    ]
    passed_over = [f"procy: not checked for vulnerabilities: {', '.join(left_out)}"] if left_out else []
    count = f"procy: {len(packages) - len(left_out)} pinned packages checked for vulnerabilities, {len(found)} found"
    return [*found, *passed_over, count]


if __name__ == "__main__":
    sys.exit(main())
