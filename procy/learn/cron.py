"""One marked line in the user's crontab that exports what is new. All other lines stay as they are, byte for byte."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence

from procy.errors import ConfigError, ProcyError
from procy.places import Places

MARK = "# procy: export of training data"
FIELD = r"[\d*/,A-Za-z-]+"
EXPRESSION = re.compile(rf"{FIELD}(?: {FIELD}){{4}}|@(?:hourly|daily|weekly|monthly)")
NAMED = {"hourly": "17 * * * *", "daily": "17 3 * * *", "weekly": "17 3 * * 1"}
NONE = ("no crontab for", "can't open your crontab")


def schedule_of(text: str) -> str:
    """A name, or cron's own five fields. Raises ConfigError."""
    found = NAMED.get(text, " ".join(text.split()))
    if not EXPRESSION.fullmatch(found):
        raise ConfigError(f"{text!r} is no schedule", "Say hourly, daily, weekly, or cron's five fields: '17 3 * * *'")
    return found


def line_of(schedule: str, places: Places, out: str) -> str:
    """What cron runs. Its environment is bare: everything is named in full. To cron ``%`` is a line feed."""
    command = [f"{name}={shlex.quote(value)}" for name, value in places.environment.items()]
    command += [shlex.join([sys.executable, "-m", "procy", "export", "all", "--incremental", "--out", out])]
    log = shlex.quote(f"{places.home}/cron.log")
    return f"{schedule} {' '.join(command)} >>{log} 2>&1 {MARK}".replace("%", r"\%")


def with_line(crontab: str, line: str) -> str:
    """The crontab with that line in the place of an earlier one of ours; "" takes ours out."""
    lines = [one for one in crontab.splitlines(keepends=True) if not one.rstrip().endswith(MARK)]
    whole = "".join(lines)
    if not line:
        return whole
    return f"{whole}{'' if whole.endswith(chr(10)) or not whole else chr(10)}{line}\n"


def ours_in(crontab: str) -> str:
    return next((line for line in crontab.splitlines() if line.rstrip().endswith(MARK)), "")


def read_crontab() -> str:
    """Raises ProcyError where there is no cron, or it refuses."""
    done = crontab_program(["-l"])
    if done.returncode == 0:
        return done.stdout
    if any(words in done.stderr for words in NONE):
        return ""
    raise ProcyError(f"crontab -l failed: {done.stderr.strip() or done.returncode}", "Try it by hand")


def write_crontab(text: str) -> None:
    done = crontab_program(["-"], text)
    if done.returncode:
        raise ProcyError(f"crontab refused the new table: {done.stderr.strip() or done.returncode}", "Nothing was changed")


def crontab_program(arguments: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["crontab", *arguments], input=text, capture_output=True, text=True, errors="surrogateescape", timeout=20, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise ProcyError("there is no cron on this machine (crontab is missing)", "Install one: apt install cron") from error
