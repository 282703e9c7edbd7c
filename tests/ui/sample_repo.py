"""A repository in which the first tries of the sample run have their commits."""

from __future__ import annotations

import subprocess
from pathlib import Path

from procy.places import Places

from .sample import writing
from .sample_runs import RUN, try_id

SLOW = "import re\n\n\ndef parse(line):\n    return re.compile('=').split(line)\n"
FAST = "import re\n\nSIGN = re.compile('=')\n\n\ndef parse(line):\n    return SIGN.split(line)\n"
BEST = "def parse(line):\n    return line.partition('=')\n"


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def make_repo(places: Places, root: Path) -> dict[int, str]:
    """The commits of the start and of tries 1 and 2; the work tree is as the run found it."""
    root.mkdir()
    git(root, "init", "-q")
    commits = {}
    for seq, text in enumerate((SLOW, FAST, BEST)):
        (root / "parse.py").write_text(text)
        if seq == 2:
            (root / "more.txt").write_text("<b>more</b>\n")
        git(root, "add", "-A")
        git(root, "commit", "-qm", f"try {seq}")
        commits[seq] = git(root, "rev-parse", "HEAD")
    git(root, "reset", "-q", "--hard", commits[0])
    with writing(places) as connection:
        connection.execute("UPDATE runs SET root = ?, base_sha = ? WHERE id = ?", (str(root), commits[0], RUN))
        for seq, commit in commits.items():
            connection.execute("UPDATE tries SET commit_sha = ? WHERE id = ?", (commit, try_id(seq)))
    return commits
