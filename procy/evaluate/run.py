"""One measurement: a clean checkout of a commit, the pinned evaluator laid over it, run in its cage.

Whatever the evaluator or the candidate does ends in a status; only ``ok`` has a score.

ok        measured, and no constraint is broken
invalid   the candidate does not count: exit 10, a guard failed, a constraint is broken, a metric is no number
crash     the evaluator itself failed, or gave no result
timeout   its time, or its CPU time, was over
infra     the machine was at fault: exit 75, no room for a checkout, stopped from outside
tampered  the candidate changed the evaluator or a protected file; it was not run
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TextIO

from procy.errors import EvaluatorError
from procy.evaluate import legacy
from procy.evaluate.checkout import Checkout, NoRoom, borrow, checkout
from procy.evaluate.contract import Contract, Stage
from procy.evaluate.environment import environment_of
from procy.evaluate.globs import matching
from procy.evaluate.host import Stopped, turn_of_host
from procy.evaluate.job import Job
from procy.evaluate.pinned import lay
from procy.evaluate.process import Command, Ended, run, shell_words
from procy.evaluate.register import Evaluator
from procy.evaluate.result import Result, read_result
from procy.evaluate.sandbox import Room, why_not, wrapped
from procy.parse.redact import mask
from procy.places import Places

Status = Literal["ok", "invalid", "crash", "timeout", "infra", "tampered"]

EXIT_INVALID, EXIT_INFRA = 10, 75  # 75 is EX_TEMPFAIL of <sysexits.h>
EXIT_CPU, EXIT_FILE = 128 + 24, 128 + 25  # SIGXCPU, SIGXFSZ
ATTEMPTS = 3
PAUSES_S = (0.5, 2.0)
NO_RESULT = "it ended well, but gave no result: neither a file at $PROCY_OUT nor a JSON object on a line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement, and how it went. Texts are masked. ``left``: processes that it left behind, which were ended."""

    status: Status
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None
    instances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    feedback: tuple[Any, ...] = ()
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    output: str = ""
    exit_code: int | None = None
    duration_ms: int = 0
    started_ns: int = 0
    host: str = ""
    load: float = 0.0
    stage: str = "full"
    seed: int | None = None
    commit: str = ""
    left: int = 0
    raw: Mapping[str, Any] = field(default_factory=dict)


class Over(Exception):
    """The measurement has come to its end."""

    def __init__(self, status: Status, reason: str, ended: Ended | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.ended = status, reason, ended


def measure(
    places: Places,
    job: Job,
    on_output: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> Sample:
    """Run the evaluator once on a commit. Raises EvaluatorError or GitError where it cannot even begin."""
    stage = job.evaluator.contract.stage(job.stage)
    if stage is None:
        raise EvaluatorError(f"evaluator {job.evaluator.name} has no stage {job.stage!r}", "It has full, at least")
    job.evaluator.check()
    commit = job.repo.resolve(job.commit)
    seeds = job.evaluator.contract.seeds
    seed = job.seed if job.seed is not None else seeds[0] if seeds else None
    job = replace(job, commit=commit, seed=seed)
    begun = Sample(
        status="infra", started_ns=time.time_ns(), host=socket.gethostname(), load=os.getloadavg()[0], stage=job.stage,
        seed=seed, commit=commit,
    )  # fmt: skip
    return Measurement(places, job, stage, on_output, stop).sample(begun)


class Measurement:
    """The steps, in order; each raises Over where it is the last."""

    def __init__(
        self,
        places: Places,
        job: Job,
        stage: Stage,
        on_output: Callable[[str], None] | None,
        stop: threading.Event | None,
    ) -> None:
        self.places, self.job, self.stage, self.stop = places, job, stage, stop
        self.on_output = on_output
        self.evaluator = job.evaluator
        self.contract: Contract = job.evaluator.contract

    def sample(self, begun: Sample) -> Sample:
        began = time.monotonic()
        try:
            self.check_protected()
            with turn_of_host(self.places, self.contract.is_timed, self.stop):
                begun = replace(begun, started_ns=time.time_ns(), load=os.getloadavg()[0])
                began = time.monotonic()
                with checkout(self.places, self.job.repo, self.job.commit) as tree:
                    ended, result = self.attempts(tree)
            return self.judged(begun, ended, result)
        except Over as over:
            reason, status = over.reason, over.status
            known = of_ended(over.ended) if over.ended else {"duration_ms": round((time.monotonic() - began) * 1000)}
            return replace(begun, status=status, reason=mask(reason), **known)
        except NoRoom as error:
            return replace(begun, status="infra", reason=str(error))
        except Stopped:
            return replace(begun, status="infra", reason="stopped")

    # -- before ---------------------------------------------------------------------------------------------------------

    def check_protected(self) -> None:
        if not self.job.base_commit:
            return
        changed = self.job.repo.changed_files(self.job.base_commit, self.job.commit)
        touched = protected_of(self.evaluator, changed)
        if touched:
            more = f" and {len(touched) - 3} more" if len(touched) > 3 else ""
            raise Over("tampered", f"the candidate changed what is protected: {', '.join(touched[:3])}{more}")

    # -- running --------------------------------------------------------------------------------------------------------

    def attempts(self, tree: Checkout) -> tuple[Ended, Result | None]:
        """Run it, again where the machine is at fault."""
        for attempt in range(ATTEMPTS):
            self.prepare(tree)
            if self.job.stage != "confirm" and attempt == 0:
                self.guard(tree)
                self.prepare(tree)
            ended = self.execute(tree, self.stage.command, logged=True)
            if ended.how != "ended" or ended.code != EXIT_INFRA or attempt == ATTEMPTS - 1:
                break
            if self.stop and self.stop.wait(PAUSES_S[attempt]):
                raise Stopped
            if not self.stop:
                time.sleep(PAUSES_S[attempt])
        return ended, read_result(self.contract, tree.result, ended.lines)

    def prepare(self, tree: Checkout) -> None:
        """Lay the pinned files, also over what a guard has made of them."""
        try:
            borrow([Path(self.contract.cwd) / name for name in self.contract.links], self.evaluator.root, tree.tree)
            lay(self.evaluator.pinned, self.evaluator.files, tree.tree)
            (tree.tree / self.contract.cwd).mkdir(parents=True, exist_ok=True)
            tree.result.unlink(missing_ok=True)
        except OSError as error:
            raise NoRoom(f"the evaluator could not be put into the checkout: {error.strerror}") from error

    def guard(self, tree: Checkout) -> None:
        for words in self.contract.guards:
            ended = self.execute(tree, words)
            name = shell_words(words)
            if ended.how == "timeout":
                raise Over("timeout", f"the guard {name!r} ran longer than {self.stage.timeout_s:g} s", ended)
            self.check_ended(ended)
            if ended.code:
                raise Over("invalid", f"the guard {name!r} failed with exit status {ended.code}", ended)

    def execute(self, tree: Checkout, words: Sequence[str], logged: bool = False) -> Ended:
        contract, cwd = self.contract, tree.tree / self.contract.cwd
        caged = contract.sandbox and not why_not(contract.network)
        if caged:
            words = wrapped(words, self.room(tree, cwd))
        command = Command(
            words=tuple(words),
            cwd=cwd,
            environment=environment_of(self.places, self.job, self.stage, tree, cwd),
            timeout_s=self.stage.timeout_s,
            resources=contract.resources,
            merged=contract.legacy,
        )
        with ExitStack() as stack:
            log = legacy_log(stack, self.evaluator) if contract.legacy and logged else None
            ended = run(command, heard_by(self.on_output, log), self.stop)
        return replace(ended, left=0) if caged else ended  # what is seen of a sandbox is bubblewrap itself

    def room(self, tree: Checkout, cwd: Path) -> Room:
        repo = self.job.repo
        common = repo.root / repo.run("rev-parse", "--git-common-dir")
        return Room(
            cwd=cwd,
            scratch=tree.tmp,
            writable=(tree.tree, tree.out),
            hidden=(Path(self.places.home).resolve(),),
            needed=(repo.root, repo.git_dir, common.resolve(), self.evaluator.root),
            network=self.contract.network,
        )

    # -- after ----------------------------------------------------------------------------------------------------------

    def judged(self, begun: Sample, ended: Ended, result: Result | None) -> Sample:
        """The sample of an evaluator that was run to its end."""
        self.check_ended(ended)
        if ended.how == "timeout":
            raise Over("timeout", f"ran longer than {self.stage.timeout_s:g} s and was ended", ended)
        if ended.code == EXIT_CPU:
            raise Over("timeout", f"used more than {self.contract.resources.cpu_s} s of CPU time and was ended", ended)
        if ended.code == EXIT_INFRA:
            raise Over("infra", f"the evaluator said {ATTEMPTS} times that the machine is at fault (exit status 75)", ended)
        if ended.code not in (0, EXIT_INVALID):
            raise Over("crash", crash_reason(ended), ended)
        if result is None and ended.code == 0:
            raise Over("crash", NO_RESULT, ended)
        result = result or Result()
        judgement = self.contract.judge(result.metrics)
        wrong = result.wrong or judgement.reason
        if ended.code == EXIT_INVALID:
            wrong = result.wrong or "the evaluator says that the candidate is not valid (exit status 10)"
        return replace(
            begun,
            status="invalid" if wrong else "ok",
            reason=mask(wrong),
            score=None if wrong else judgement.score,
            metrics=result.metrics,
            instances=result.instances,
            feedback=tuple(masked(list(result.feedback))),
            artifacts=masked(dict(result.artifacts)),
            raw=result.raw,
            **of_ended(ended),
        )

    def check_ended(self, ended: Ended) -> None:
        if ended.how == "stopped":
            raise Over("infra", "stopped", ended)
        if ended.how == "lost":
            raise Over("infra", "the process that watches over the evaluator was killed", ended)
        if ended.error:
            raise Over("crash", ended.error, ended)


def infra(job: Job, reason: str) -> Sample:
    """The sample of a measurement that could not be taken."""
    return Sample(
        status="infra", reason=mask(reason), started_ns=time.time_ns(), host=socket.gethostname(), stage=job.stage, seed=job.seed,
        commit=job.commit,
    )  # fmt: skip


def protected_of(evaluator: Evaluator, paths: Sequence[str]) -> tuple[str, ...]:
    """Those of the paths that a candidate may not change: the evaluator's own, its definition, and what is protected."""
    contract = evaluator.contract
    own = {*evaluator.files, os.path.normpath(os.path.join(contract.cwd, ".procy/eval.toml"))}
    parents = {str(parent) for name in own for parent in Path(name).parents}  # a link or a file in a folder's place
    globbed = set(matching(paths, contract.protected, contract.cwd))
    return tuple(path for path in paths if path in own or path in parents or path in globbed)


def of_ended(ended: Ended) -> dict[str, Any]:
    return {
        "output": mask(ended.output), "exit_code": ended.code, "duration_ms": round(ended.seconds * 1000), "left": ended.left,
    }  # fmt: skip


def crash_reason(ended: Ended) -> str:
    if ended.code == EXIT_FILE:
        return "a file became larger than it may"
    if ended.code is not None and ended.code > 128:
        return f"it was ended by signal {ended.code - 128}"
    last = next((line.strip() for line in reversed(ended.output.splitlines()) if line.strip()), "")
    return f"exit status {ended.code}" + (f": {last[:200]}" if last else "")


def masked(value: Any) -> Any:
    """The same, with every string masked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(str(name)): masked(one) for name, one in value.items()}
    return [masked(one) for one in value] if isinstance(value, (list, tuple)) else value


def legacy_log(stack: ExitStack, evaluator: Evaluator) -> TextIO | None:
    """``eval.log`` in the user's own directory, as the first procy wrote it; None where that cannot be written."""
    path = evaluator.root / evaluator.contract.cwd / legacy.LOG
    try:
        return stack.enter_context(path.open("w", encoding="utf-8", errors="replace"))
    except OSError:
        return None


def heard_by(listener: Callable[[str], None] | None, log: TextIO | None) -> Callable[[str], None] | None:
    if log is None:
        return listener

    def both(text: str) -> None:
        log.write(text)
        log.flush()
        if listener:
            listener(text)

    return both
