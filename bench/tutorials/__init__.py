"""Where the tutorials of ``docs/tutorials`` and the guide start: a small program, what judges it, what the scripted agent can do.

``python -m bench.tutorials NAME DIR`` puts one into a git repository of its own.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from procy.demo.task import HERE as DEMO
from procy.demo.task import load_task
from procy.errors import ProcyError

HERE = Path(__file__).parent
TASKS = HERE.parent / "evolve" / "tasks"
FILES = {  # name → task of the scripted agent, and the evaluator's files
    "word-counter": (DEMO / "wordcount", (DEMO / "wordcount" / "evaluate.py",)),
    "text-search": (TASKS / "text_search", (TASKS / "text_search" / "evaluate.py", TASKS / "counted.py")),
    "graph-ann": (HERE / "graph_ann", (TASKS / "ann" / "evaluate.py", TASKS / "counted.py")),
    "jpeg-decoder": (HERE / "jpeg_decoder", (HERE / "jpeg_decoder" / "evaluate.py",)),
}


def page_of(name: str) -> Path:
    """Where it is told how to go on."""
    docs = HERE.parents[1] / "docs"
    return docs / "guide.md" if name == "word-counter" else docs / "tutorials" / f"{name}.md"


def begin(name: str, folder: Path) -> None:
    """A git repository with the tutorial's program, evaluator and contract. Raises ProcyError where the folder has files."""
    if folder.exists() and any(folder.iterdir()):
        raise ProcyError(f"{folder} is not empty", "Name a new directory")
    source, judges = FILES[name]
    task = load_task(str(source))
    (folder / ".procy").mkdir(parents=True)
    (folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    (folder / task.path).write_text(task.program(()), encoding="utf-8")
    shutil.copy(source / "eval.toml", folder / ".procy" / "eval.toml")
    for path in judges:
        shutil.copy(path, folder / path.name)
    who = ("-c", "user.name=tutorial", "-c", "user.email=tutorial@localhost")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "start")):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def scripted(name: str, folder: Path) -> str:
    """The command line of the scripted agent that can work at the tutorial. It keeps its conversations beside the folder."""
    kept = f"PROCY_DEMO_TRANSCRIPTS={os.path.abspath(folder)}.conversations"
    return shlex.join(
        ["env", kept, "procy", "record", "--", sys.executable, "-m", "procy.demo.agent", "--task", str(FILES[name][0])]
    )
