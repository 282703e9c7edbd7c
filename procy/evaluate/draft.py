"""From what a user names, a file or a command line, to an evaluator that could be registered."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from procy.errors import ConfigError, EvaluatorError, HandleError
from procy.evaluate import legacy
from procy.evaluate.contract import Contract, Direction
from procy.evaluate.reading import inside, read_definition, read_file
from procy.evaluate.register import own_files
from procy.evaluate.run import Sample
from procy.git import Repo

FILE = ".procy/eval.toml"
OUTSIDE = ".procy/evaluator"  # where, in a checkout, a script lies that is not in the work tree
HERE = "procy eval set"
SUFFIXES = (*legacy.RUNNERS, ".toml", ".rb", ".pl", ".mjs", ".ts")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line adds. ``objective``: "" for the first metric. ``direction``: None for what its name tells."""

    name: str = ""
    objective: str = ""
    direction: Direction | None = None
    timeout_s: float | None = None
    pin: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """``source``: of a script, in which its metrics are looked for. ``guessed``: whether the first result tells them better."""

    contract: Contract
    files: Mapping[str, Path]
    wish: Wish = field(default_factory=Wish)
    source: str = ""
    guessed: bool = False

    def informed(self, raw: Mapping[str, Any]) -> Draft:
        """With the metrics of a first result. Raises EvaluatorError where it lacks the objective that was wished for."""
        if not self.guessed or not raw:
            return self
        metrics = legacy.detected(self.contract, raw, self.source)
        return replace(self, contract=with_wish(legacy.with_metrics(self.contract, metrics), self.wish))


def draft_of(repo: Repo, cwd: Path, what: str, wish: Wish) -> Draft:
    """``what``: a TOML file, a script, or a command line; "" for ``.procy/eval.toml``. Raises ProcyError."""
    path = Path(os.path.normpath(cwd / os.path.expanduser(what))) if what else nearest(repo, cwd)
    if path.suffix == ".toml":
        return of_toml(repo, cwd, path, wish)
    if path.is_file():
        return of_script(repo, cwd, path, wish)
    return of_command(repo, cwd, what, wish)


def nearest(repo: Repo, cwd: Path) -> Path:
    """The ``.procy/eval.toml`` of this directory, or of the next one above that has one."""
    for folder in (cwd, *cwd.parents):
        if (folder / FILE).is_file():
            return folder / FILE
        if folder == repo.root:
            break
    raise HandleError(f"there is no {FILE} in {repo.root}", "Write it, or give a script: procy eval set FILE")


def of_toml(repo: Repo, cwd: Path, path: Path, wish: Wish) -> Draft:
    folder = path.parent.parent if path.parent.name == ".procy" else cwd
    definition = read_file(path, place_in(repo, folder))
    contract = with_wish(definition.contract, wish)
    files = own_files(repo, contract, (*definition.pin, *wish.pin))
    name = relative(repo, path)
    return Draft(contract, {**files, **({name: path} if name else {})}, wish)


def of_script(repo: Repo, cwd: Path, path: Path, wish: Wish) -> Draft:
    if path.suffix not in legacy.RUNNERS and not os.access(path, os.X_OK):
        raise EvaluatorError(f"{path} has no suffix of a script, and cannot be executed", f"chmod +x {shlex.quote(str(path))}")
    place = place_in(repo, cwd)
    name = relative(repo, path) or f"{OUTSIDE}/{path.name}"
    source = path.read_bytes().decode("utf-8", "replace")
    called = os.path.relpath(name, place or ".")
    timeout = {} if wish.timeout_s is None else {"timeout_s": wish.timeout_s}
    contract = with_wish(legacy.contract_of(called, path.stem, source, place, **timeout), wish, strict=False)
    files = {**own_files(repo, contract, wish.pin), name: path}
    return Draft(contract, files, wish, source, guessed=not legacy.schema_in(source))


def of_command(repo: Repo, cwd: Path, what: str, wish: Wish) -> Draft:
    try:
        words = shlex.split(what)
    except ValueError as error:
        raise HandleError(f"{what!r} is no command line: {error}", "Mend the quotes") from error
    program = next((word for word in words if "=" not in word), "")
    if len(words) == 1 and (Path(program).suffix in SUFFIXES or os.sep in program):
        raise HandleError(f"there is no file {what}", "Give its path from here")
    if not shutil.which(program) and not (cwd / program).is_file():
        raise HandleError(f"{what!r} is neither a file nor a command", "Give an eval.toml, a script, or a command line")
    table = {"command": what, "name": Path(program).name}
    definition = read_definition(table, HERE, place_in(repo, cwd), metrics_needed=False)
    contract = with_wish(definition.contract, wish, strict=False)
    return Draft(contract, own_files(repo, contract, wish.pin), wish, guessed=True)


def with_wish(contract: Contract, wish: Wish, strict: bool = True) -> Contract:
    """``strict``: the objective must be one of the metrics; else it becomes one where none is known."""
    stages = contract.stages
    if wish.timeout_s is not None:
        stages = tuple(replace(stage, timeout_s=wish.timeout_s) for stage in stages)
    links = (*contract.links, *inside(wish.links, HERE, "--link"))
    contract = replace(contract, name=wish.name or contract.name, stages=stages, links=tuple(dict.fromkeys(links)))
    objective = wish.objective or contract.objective
    metric = contract.metric(objective)
    if metric is None and wish.objective:
        if strict or contract.metrics:
            names = ", ".join(one.name for one in contract.metrics) or "none"
            raise ConfigError(f"no metric is called {objective!r}", f"Metrics are: {names}")
        metric = legacy.guessed(objective)
        contract = replace(contract, metrics=(metric,))
    if metric is not None and wish.direction:
        changed = replace(metric, direction=wish.direction)
        contract = replace(contract, metrics=tuple(changed if one is metric else one for one in contract.metrics))
    return replace(contract, objective=objective)


def rejudged(sample: Sample, before: Contract, after: Contract) -> Sample:
    """A sample by the contract that was made of it; only a verdict of the contract's own is changed."""
    if sample.status not in ("ok", "invalid") or (sample.reason and sample.reason != before.judge(sample.metrics).reason):
        return sample
    judgement = after.judge(sample.metrics)
    return replace(sample, status="invalid" if judgement.reason else "ok", reason=judgement.reason, score=judgement.score)


def place_in(repo: Repo, folder: Path) -> str:
    """The folder from the root of its work tree; "" for the root itself."""
    name = relative(repo, folder)
    if name is None:
        raise EvaluatorError(f"{folder} is not in {repo.root}", "Go to the work tree that is to be judged")
    return "" if name == "." else name


def relative(repo: Repo, path: Path) -> str | None:
    """From the root of the work tree; None for what is not in it."""
    try:
        return path.resolve().relative_to(repo.root.resolve()).as_posix()
    except ValueError:
        return None
