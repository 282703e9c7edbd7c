"""Having an agent write an evaluator: what it is asked, and which of the files that it wrote is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from procy.errors import EvaluatorError
from procy.evaluate import legacy
from procy.evaluate.draft import FILE
from procy.parse.code import Code, code_blocks

PROMPT = """\
Write an evaluator for the code in this directory. It should measure this: {description}

Save it as {path} and leave everything else as it is. It will judge many versions of this code, each in a clean checkout that is \
its current directory:

- It takes no arguments, needs no network, and ends within a minute.
- It uses the code as it stands there, and checks that what that does is right before it looks at how fast it is.
- Near its top stands a literal METRICS_SCHEMA = [{{"name": "recall", "type": "float", "goal": "maximize"}}], with every \
metric in it, the one that matters most first. The goal is maximize or minimize.
- The last line that it prints is one JSON object with a number for each of them: {{"recall": 0.98}}
- It exits with 0 when it has measured, with 10 when the code is missing or wrong, and with 1 only when it is itself broken.
- It makes its inputs itself, from a fixed seed. Counts of work done are better than the clock; of times \
it takes the median of several.

Then run it once and show that last line."""
DESCRIPTION = "what matters most here: first that it is right, then how much work it takes"
SUFFIXES = (".py", ".sh", ".js")
FENCES = {"python": ".py", "py": ".py", "python3": ".py", "bash": ".sh", "sh": ".sh", "javascript": ".js", "js": ".js"}
NAMED = re.compile(r"eval|bench|judge|score|measure", re.IGNORECASE)


def prompt_for(description: str, path: str) -> str:
    return PROMPT.format(description=description.strip() or DESCRIPTION, path=path)


def free_name(folder: Path) -> str:
    """``eval.py``, or the next such name that no file has."""
    names = ["eval.py", *(f"eval_{number}.py" for number in range(2, 1000))]
    return next(name for name in names if not (folder / name).exists())


def chosen(folder: Path, written: Iterable[Path], wanted: str) -> Path | None:
    """The evaluator among the files that an agent wrote, the likeliest first: the one asked for, a definition, one that declares
    metrics, one that is called so. None where none may be it."""
    found = [path for path in dict.fromkeys(written) if path.is_file()]
    candidates = [path for path in found if path.suffix in SUFFIXES or path == folder / FILE]
    ranked = sorted(candidates, key=lambda path: rank(path, folder, wanted))
    return ranked[0] if ranked and rank(ranked[0], folder, wanted) < 4 else None


def rank(path: Path, folder: Path, wanted: str) -> int:
    if path == folder / wanted:
        return 0
    if path == folder / FILE:
        return 1
    if legacy.schema_in(path.read_text(encoding="utf-8", errors="replace")):
        return 2
    return 3 if NAMED.search(path.name) else 4


def from_answer(answer: str) -> Code | None:
    """The fenced block of an answer that is the evaluator, where the agent showed it and wrote no file."""
    blocks = [block for block in code_blocks(answer) if block.text.strip() and block.language.lower() in (*FENCES, "")]
    good = [block for block in blocks if legacy.metrics_in(block.text)]
    declared = [block for block in good if legacy.schema_in(block.text)]
    return max(declared or good, key=lambda block: len(block.text), default=None)


def save(folder: Path, wanted: str, block: Code) -> Path:
    """Write a block to a new file. Raises EvaluatorError."""
    path = (folder / wanted).with_suffix(FENCES.get(block.language.lower(), ".py"))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(block.text + "\n")
    except OSError as error:
        raise EvaluatorError(f"cannot write {path}: {error.strerror}", "Make room for it") from error
    return path


def promised(path: Path) -> Sequence[str]:
    """The names of the metrics that a script says it will give. Raises EvaluatorError where it breaks the contract at sight."""
    source = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".py" and legacy.parsed(source) is None:
        raise EvaluatorError(f"{path.name} is no Python program", "Let the agent mend it, then: procy eval set")
    return [metric.name for metric in legacy.metrics_in(source)]
