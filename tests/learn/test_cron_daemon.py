"""The real cron daemon runs our line: in a mount namespace of its own, where the only crontab is the test's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from procy.places import Places, make_home
from tests.conftest import wait_until
from tests.learn.test_export import asked, correct, talk

pytestmark = [pytest.mark.cron, pytest.mark.timeout(400)]
MINUTES = 150.0  # two of cron's, in seconds, with room

# The machine's own tables and jobs are hidden behind empty ones, and its lock behind another file. cron sees a new table by
# the whole second in which its folder changed: that has to be another one than that of its start.
ALONE = """
mount -t tmpfs -o mode=1730,gid=$(stat -c %g /var/spool/cron/crontabs) none /var/spool/cron/crontabs
touch -d "1 hour ago" /var/spool/cron/crontabs
mount -t tmpfs none /etc/cron.d
: >>/etc/crontab && mount --bind "$1/empty" /etc/crontab
: >>/run/crond.pid && mount --bind "$1/pid" /run/crond.pid
exec cron -f
"""


def why_not() -> str:
    """Why the daemon cannot be started here; "" where it can."""
    missing = [
        name for name in ("cron", "crontab", "unshare", "nsenter") if not shutil.which(name, path="/usr/sbin:/usr/bin:/bin")
    ]
    if missing:
        return f"{', '.join(missing)} not installed (make cron-test installs cron)"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "no mount namespace may be made here"
    return ""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    if reason := why_not():
        pytest.skip(reason)
    for name in ("empty", "pid"):
        (tmp_path / name).touch()
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", ALONE, "sh", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    comm = Path(f"/proc/{process.pid}/comm")
    wait_until(lambda: process.poll() is not None or comm.read_text().strip() == "cron", what="cron in a namespace of its own")
    assert process.poll() is None, process.stderr and process.stderr.read()
    yield process
    process.terminate()
    process.wait(10)


def test_cron_exports_what_is_new_and_then_nothing(daemon: subprocess.Popen[str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(tmp_path / "config.toml"))
    make_home(places)
    (turn, *_) = talk(places, "one", [asked(number) for number in range(6)])
    correct(places, turn, asked(0), "Write a test for the parser first, then mend it")
    environment = {**os.environ, "PROCY_HOME": places.home, "PROCY_CONFIG": places.config}

    def procy(*words: str) -> str:
        command = ["nsenter", "--mount", "--target", str(daemon.pid), sys.executable, "-m", "procy", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    out, log = tmp_path / "data", home / "cron.log"
    procy("cron", "install", "--schedule", "* * * * *", "--out", str(out))
    wait_until(lambda: log.exists() and "nothing is new" in log.read_text(), MINUTES, "two runs of cron")
    [export] = out.iterdir()
    rows = [json.loads(line) for line in export.glob("sft/*.jsonl").__next__().read_text().splitlines()]
    assert rows and {"human", "corrected"} >= {row["category"] for row in rows}
    [told] = json.loads(procy("cron", "status", "--json"))["exports"]
    assert Path(told["path"]) == export
    procy("cron", "remove")
    assert "no line of procy" in procy("cron", "status")
