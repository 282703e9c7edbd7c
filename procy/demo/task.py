"""A task that the scripted agent can really work at: a folder with a library of patches.

``task.toml`` names the program's file, its template beside it, a command to try it with, and the patches. Every patch is a part
of the template, so that each combination of them is one program text; one with a ``path`` of its own replaces text in another
file. What is applied is read from the code in the directory, by the ``sign`` that each patch leaves there: the agent remembers
nothing, and sees at once what was checked out beneath it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from procy.demo.script import PROMPTS, Rewrite, Run, Say, Step, Think, steps_for
from procy.errors import AgentError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EARLIER = re.compile(r"[\s-]*(?:try \d+|the start)\b")  # a line that tells of an earlier try asks for nothing
HERE = Path(__file__).parent / "tasks"


@dataclass(frozen=True)
class Patch:
    """``words``: of prompts that ask for it. ``needs``: patches that must be there; ``replaced_by``: those that leave nothing of
    it. ``kind``: change, break, tamper."""

    name: str
    sign: str
    says: str
    words: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    replaced_by: tuple[str, ...] = ()
    kind: str = "change"
    path: str = ""
    old: str = ""
    new: str = ""


@dataclass(frozen=True)
class Task:
    """``path``: of the program, in the work tree. ``check``: the command that tries it."""

    name: str
    path: str
    check: str
    template: str
    patches: tuple[Patch, ...]

    def program(self, names: Collection[str]) -> str:
        """The program with these patches."""
        there = {patch.name for patch in self.patches if patch.name in names and not set(patch.replaced_by) & set(names)}
        chosen = {patch.name.replace(" ", "_"): patch.name in there for patch in self.patches}
        return str(compiled(self.template).render(chosen))

    def applied(self, folder: Path) -> frozenset[str]:
        """Names of the patches that the files in the folder have."""
        texts = {path: read(folder / path) for path in {patch.path or self.path for patch in self.patches}}
        return frozenset(patch.name for patch in self.patches if patch.sign in texts[patch.path or self.path])

    def patch(self, name: str) -> Patch:
        return next(patch for patch in self.patches if patch.name == name)


@lru_cache(maxsize=4)
def compiled(template: str) -> Any:
    from jinja2 import Environment, StrictUndefined  # late: an agent without a task starts sooner

    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.from_string(template)


@dataclass(frozen=True)
class Temper:
    """How the agent takes prompts. ``obey``, ``breaks``: parts of all prompts; for the rest it does something else."""

    seed: str = "0"
    obey: float = 1.0
    breaks: float = 0.0
    think_s: float = 0.6


def load_task(path: str) -> Task:
    """The task in a folder, or one of procy's own by its name. Raises AgentError."""
    folder = next((one for one in (Path(path), HERE / path) if (one / "task.toml").exists()), None)
    if folder is None:
        raise AgentError(f"there is no task {path!r}", "Name a folder with a task.toml")
    table = tomllib.loads((folder / "task.toml").read_text(encoding="utf-8"))
    template = (folder / table["template"]).read_text(encoding="utf-8")
    patches = tuple(as_patch(entry) for entry in table["patch"])
    return Task(folder.name, table["program"], table["check"], template, patches)


def as_patch(entry: dict[str, Any]) -> Patch:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    if unknown := values.keys() - {one.name for one in fields(Patch)}:
        raise AgentError(f"patch {entry.get('name')!r} of the task has an unknown {', '.join(sorted(unknown))}")
    return Patch(**values)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def steps_of(task: Task, temper: Temper) -> Callable[[str], Sequence[Step]]:
    """What the agent does for a prompt. The prompts of the demonstration are answered as ever."""

    def steps(prompt: str) -> Sequence[Step]:
        if prompt in PROMPTS:
            return steps_for(prompt)
        applied = task.applied(Path.cwd())
        chosen = choose(task, temper, prompt, applied)
        return work(task, chosen, applied, temper) if chosen else (Think(temper.think_s), Say("I see nothing left to try here."))

    return steps


def choose(task: Task, temper: Temper, prompt: str, applied: Collection[str]) -> Patch | None:
    """The next patch: the one that the prompt asks for most, and sometimes another. None where nothing is left."""
    rng = Random(f"{temper.seed}|{prompt}|{','.join(sorted(applied))}")
    there = set(applied)
    left = [
        one for one in task.patches if one.name not in there and there.issuperset(one.needs) and there.isdisjoint(one.replaced_by)
    ]
    useful = [one for one in left if one.kind == "change"]
    harmful = [one for one in left if one.kind != "change"]
    mood = rng.random()
    if harmful and mood < temper.breaks:
        return rng.choice(harmful)
    if useful and mood >= temper.breaks + temper.obey:
        return rng.choice(useful)
    asked = [(hits(one, prompt), one) for one in useful]
    most = max((count for count, _ in asked), default=0)
    best = [one for count, one in asked if count == most]
    return rng.choice(best) if best else None


def hits(patch: Patch, prompt: str) -> int:
    """How many of the patch's words the prompt has. Those of its first paragraph, which says what to do, count threefold."""
    text = "\n".join(line for line in prompt.lower().splitlines() if not EARLIER.match(line))
    first, _, rest = text.partition("\n\n")
    return sum(3 * is_in(word, first) + is_in(word, rest) for word in patch.words)


def is_in(word: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(word)}", text) is not None


def work(task: Task, patch: Patch, applied: Collection[str], temper: Temper) -> tuple[Step, ...]:
    """The steps that apply a patch. What an earlier one broke is mended on the way."""
    if patch.path:
        change = Rewrite(patch.path, read(Path(patch.path)).replace(patch.old, patch.new, 1))
    else:
        broken = {one.name for one in task.patches if one.kind == "break"}
        change = Rewrite(task.path, task.program((set(applied) - broken) | {patch.name}))
    return (Think(temper.think_s), Say(patch.says), change, Run(task.check), Say(f"Done: {patch.name}."))
