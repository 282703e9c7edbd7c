"""A job of another machine, measured here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from procy.evaluate.parcel import evaluator_from, is_kept, job_from, sample_json, unpack
from procy.evaluate.run import infra, measure
from procy.git import Repo
from procy.hosts.mirror import add_packed, bare, missing
from procy.hosts.talk import Caller
from procy.places import Places, find_places, make_home


def measure_for(places: Places, caller: Caller) -> dict[str, Any]:
    """The ``sample``; or what this machine ``lacks`` for it, to be sent before it is asked again: commits, evaluator."""
    make_home(places)
    found = caller.request["job"]
    repo = bare(places.home, caller.request["repository"], found["commit"])
    commits = missing(repo, [found["commit"], found["base_commit"]])
    evaluator = evaluator_from(places.home, found["evaluator"], bool(found["borrowed"]))
    if caller.data:
        unpack(evaluator, caller.data)
    kept = is_kept(evaluator)
    if commits or not kept:
        return {"lacks": {"commits": commits, "evaluator": not kept, "path": str(repo.root)}}
    return {"sample": measure_guest(places, found, repo, caller.say, caller.gone)}


def measure_guest(
    places: Places,
    found: Mapping[str, Any],
    repo: Repo,
    said: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> str:
    """A sample as JSON, of a job as JSON whose evaluator and commits are here."""
    evaluator = evaluator_from(places.home, found["evaluator"], bool(found["borrowed"]))
    job = job_from(found, repo, evaluator)
    folder = evaluator.root / evaluator.contract.cwd
    absent = next((name for name in found["borrowed"] if not (folder / name).exists()), "")
    if absent:
        return sample_json(
            infra(job, f"{folder / absent}, which the evaluator borrows from its work tree, is not on that machine")
        )
    return sample_json(measure(places, job, said, stop))


def measure_parcel(repository: str, found: Mapping[str, Any], fetched: Callable[[str], bytes]) -> str:
    """The same, where what this machine lacks is ``fetched`` by name: base and own, as packs of commits, and evaluator."""
    places = find_places()
    make_home(places)
    repo = bare(places.home, repository, found["commit"])
    base = found["base_commit"] or found["commit"]
    for name, commit in (("base", base), ("own", found["commit"])):
        if missing(repo, [commit]):
            add_packed(repo, commit, fetched(name))
    evaluator = evaluator_from(places.home, found["evaluator"], bool(found["borrowed"]))
    if not is_kept(evaluator):
        unpack(evaluator, fetched("evaluator"))
    return measure_guest(places, found, repo)
