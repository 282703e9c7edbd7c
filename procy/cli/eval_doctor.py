"""``procy eval doctor``."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import click

from procy.cli.common import db_option, json_option, places_of, print_json
from procy.cli.doctor import MARKS
from procy.cli.eval_common import evaluator_here, keep, number, watched
from procy.cli.eval_show import sandbox_missing
from procy.cli.finding import Finding
from procy.evaluate.check import by_turns, empty_candidate, escapees, subjects, tampered_candidates
from procy.evaluate.contract import Contract
from procy.evaluate.job import Job
from procy.evaluate.noise import Noise, apart, noises
from procy.evaluate.register import Evaluator
from procy.evaluate.run import Sample
from procy.evolve.gate import Gate
from procy.git import Repo
from procy.places import Places
from procy.ui import words

Z = Gate().z
NOISY, VERY_NOISY = 0.02, 0.10  # standard deviation of one run, relative to its mean
APART = {2: 14.1, 3: 5.6, 4: 4.3, 5: 3.8}  # standard errors by chance once in 200 times, by the runs of each group (t test)
APART_MORE = 3.4
WANTED_GAIN = 0.03
SLOW_S = 60.0


@dataclass(slots=True)
class Experiments:
    """What was measured. ``base`` and ``same``: samples of two commits with the same files."""

    base: list[Sample] = field(default_factory=list)
    same: list[Sample] = field(default_factory=list)
    empty: Sample | None = None
    tampered: dict[str, Sample] = field(default_factory=dict)

    @property
    def all(self) -> list[Sample]:
        return [*self.base, *self.same]


@click.command("doctor", short_help="Say how far its numbers can be trusted.")
@click.argument("commit", default="")
@click.option("--name", default="", help="Which evaluator (default: the newest of the work tree).")
@click.option("--runs", type=click.IntRange(min=2), default=5, show_default=True, help="Runs of each of two equal commits.")
@json_option
@db_option
def doctor_command(commit: str, name: str, runs: int, as_json: bool, db: str | None) -> int:
    """Try the evaluator on code of which the answer is known, and say how far its numbers can be trusted.

    Two commits with the same files, turn about: how much it differs from itself, and so the smallest gain that would be
    believed. A commit without files: it must not count. Commits that change the evaluator or a protected file: tampered. A
    process that runs away: ended. Ends with 1 when there is a problem.
    """
    places = places_of(db)
    with evaluator_here(places, name) as (_, repo, evaluator):
        base = repo.resolve(commit) if commit else repo.snapshot("procy: the work tree as it stands")
    found = experiment(places, repo, evaluator, base, runs)
    findings = [*findings_of(evaluator, found), *check_ends()]
    measured = noises([sample.metrics for sample in found.all if sample.status == "ok"])
    if as_json:
        print_json(
            {
                "evaluator": evaluator.name,
                "metrics": {key: noise_as_json(evaluator.contract, one) for key, one in measured.items()},
                "findings": [{"level": one.level, "what": one.what, "remedy": one.remedy} for one in findings],
            }
        )
    else:
        for one in findings:
            click.echo(f"{MARKS[one.level]} {one.what}" + (f"\n    → {one.remedy}" if one.remedy else ""))
    return 1 if any(one.level == "problem" for one in findings) else 0


def experiment(places: Places, repo: Repo, evaluator: Evaluator, base: str, runs: int) -> Experiments:
    """All that is measured; nothing more after a first run that is not ok."""
    usual: list[int] = []
    subject = subjects(repo, evaluator, base)

    def measure(job: Job) -> Sample:
        sample = watched(places, job, f"run {len(usual) + 1} of {2 * runs + 1 + len(subject.tampered)}", max(usual, default=None))
        usual.append(sample.duration_ms)
        keep(places, evaluator, sample, "doctor")
        return sample

    job = Job(evaluator=evaluator, repo=repo, commit=base)
    found = Experiments()
    for which, sample in by_turns(measure, job, subject, runs):
        (found.base if which == "base" else found.same).append(sample)
        if sample.status != "ok" and len(found.all) == 1:
            return found
    found.empty = empty_candidate(measure, job, subject)
    found.tampered = tampered_candidates(measure, job, subject)
    return found


def noise_as_json(contract: Contract, one: Noise) -> dict[str, float]:
    return {"mean": one.mean, "sd": one.sd, "cv": one.cv, "smallest_gain": one.smallest_gain(pairs_of(contract), Z)}


def pairs_of(contract: Contract) -> int:
    """How many pairs of runs a comparison may take."""
    stage = contract.stage("confirm")
    return stage.repeats if stage else 1


# -- findings -----------------------------------------------------------------------------------------------------------


def findings_of(evaluator: Evaluator, found: Experiments) -> Iterator[Finding]:
    bad = [sample for sample in found.all if sample.status != "ok"]
    if bad:
        remedy = "See what it printed: procy eval run" if bad[0].status != "infra" else "Mend that first"
        yield Finding("problem", f"{len(bad)} of {len(found.all)} runs came out as {bad[0].status}: {bad[0].reason}", remedy)
    good = [sample.metrics for sample in found.all if sample.status == "ok"]
    if len(good) > 1:
        yield from check_noise(evaluator.contract, good, found)
        yield from check_null(evaluator.contract, found)
        yield from check_length(evaluator.contract, found.all)
    if found.empty:
        yield from check_empty(evaluator.contract, found.empty, good)
    yield from check_protection(evaluator, found)
    yield from check_rest(evaluator.contract, found.all)


def check_noise(contract: Contract, good: Sequence[Mapping[str, float]], found: Experiments) -> Iterator[Finding]:
    pairs = pairs_of(contract)
    for name, one in noises(good).items():
        metric = contract.metric(name)
        if metric is None:
            continue
        objective = name == contract.objective
        what = f"{name} is {number(one.mean)} {metric.unit}".rstrip()
        if one.sd == 0:
            yield Finding("ok", f"{what} in each of {len(good)} runs of the same code")
            continue
        gain = one.smallest_gain(pairs, Z)
        what += f" ± {100 * one.cv:.1f} % from run to run"
        if objective:
            what += f": a gain below {100 * gain:.1f} % would not be believed, by {pairs} pairs of runs"
        remedy = remedy_of(metric.kind, one, pairs, gain) if objective else ""
        level = "ok" if one.cv <= NOISY or not objective else "note" if one.cv <= VERY_NOISY else "problem"
        yield Finding(level, what, remedy if level != "ok" else "")  # type: ignore[arg-type]
        if metric.kind != "time" and objective:
            yield Finding(
                "note", f"{name} differs although code and seed are the same",
                "Take every random choice from PROCY_SEED; if it is a time, say kind = \"time\", so that it is measured alone",
            )  # fmt: skip


def remedy_of(kind: str, one: Noise, pairs: int, gain: float) -> str:
    needed = one.pairs_for(WANTED_GAIN, Z)
    more = f"repeats = {needed} sees {100 * WANTED_GAIN:.0f} %" if pairs < needed <= 50 else ""
    better = "count what is done (operations, CPU time) and not the clock's time, or pin it with [resources] cores = 1" * (
        kind == "time"
    )
    words_found = "; ".join(part for part in (better, more) if part) or "make it less random, or measure more in one run"
    return words_found[0].upper() + words_found[1:]


def check_null(contract: Contract, found: Experiments) -> Iterator[Finding]:
    """Two commits with the same files must come out the same."""
    left, right = (
        [sample.metrics[contract.objective] for sample in group if sample.status == "ok"] for group in (found.base, found.same)
    )
    distance = apart(left, right)
    if distance > APART.get(min(len(left), len(right)), APART_MORE):
        how = "by far more than it varies" if math.isinf(distance) else f"by {distance:.1f} standard errors"
        remedy = "It depends on more than the files: the commit's name, its time, the order of runs, something left outside"
        yield Finding("problem", f"a commit that changes nothing differs in {contract.objective} {how}", remedy)
    else:
        yield Finding("ok", "a commit that changes nothing is no gain")


def check_empty(contract: Contract, empty: Sample, good: Sequence[Mapping[str, float]]) -> Iterator[Finding]:
    if empty.status != "ok":
        yield Finding("ok", f"without any code the result is {empty.status}, and no score")
        return
    metric = contract.metric(contract.objective)
    value = empty.metrics.get(contract.objective)
    known = [one[contract.objective] for one in good if contract.objective in one]
    worse = metric and value is not None and known and all(
        metric.larger_is_better(value) < metric.larger_is_better(one) for one in known
    )  # fmt: skip
    what = f"without any code it still gives {contract.objective} {number(value)}"
    remedy = "Let it end with exit status 10 where the code is not there, or constrain what it must do"
    yield Finding("note" if worse else "problem", what + (", worse than with it" if worse else ", as good as with it"), remedy)


def check_protection(evaluator: Evaluator, found: Experiments) -> Iterator[Finding]:
    for path, sample in found.tampered.items():
        if sample.status == "tampered":
            yield Finding("ok", f"a commit that changes {path} is tampered, and not run")
        else:
            yield Finding("problem", f"a commit that changes {path} came out as {sample.status}", "This is an error in procy")
    if not evaluator.files:
        remedy = "Name the evaluator's files with pin = […], and tests with protect = […]"
        yield Finding("problem", "no file is pinned: whatever judges can be changed by what is judged", remedy)
    if not evaluator.contract.protected:
        remedy = 'protect = ["tests/**", "conftest.py", …] for what the evaluator reads but is not its own'
        yield Finding("note", "nothing is protected but the evaluator's own files", remedy)


def check_length(contract: Contract, samples: Sequence[Sample]) -> Iterator[Finding]:
    longest = max(sample.duration_ms for sample in samples) / 1000
    stage = contract.stage("full")
    if stage and longest > stage.timeout_s / 2:
        what = f"a run took {words.duration(longest * 1000)} of the {stage.timeout_s:g} s that it has"
        yield Finding("note", what, "Give it more with timeout = …")
    if longest > SLOW_S and contract.stage("smoke") is None:
        yield Finding("note", "a run takes long, and what is broken is found out late", "Add a quick [stages.smoke]")


def check_rest(contract: Contract, samples: Sequence[Sample]) -> Iterator[Finding]:
    left = sum(sample.left for sample in samples)
    if left:
        yield Finding("note", f"{left} processes were left behind by its runs, and ended", "Let it wait for what it starts")
    missing = sandbox_missing(contract)
    if missing:
        remedy = "apt install bubblewrap" if "not installed" in missing else ""
        yield Finding("note", f"it runs without a sandbox: {missing}", remedy)
    else:
        yield Finding(
            "ok", "it runs in bubblewrap: it writes only to its checkout" + ("" if contract.network else ", without network")
        )
    load = max((sample.load for sample in samples), default=0.0)
    cores = os.cpu_count() or 1
    if contract.is_timed and load > cores:
        yield Finding("note", f"the host was busy meanwhile (load {load:.1f} on {cores} cores)", "Measure time on a quiet host")


def check_ends() -> Iterator[Finding]:
    alive, seconds = escapees()
    if alive:
        what, remedy = f"{alive} processes outlived the end of their evaluator", "Install bubblewrap"
        yield Finding("problem", what, remedy)
    else:
        yield Finding("ok", f"a program that leaves its session and parent is ended with the rest ({seconds:.1f} s of 1)")
