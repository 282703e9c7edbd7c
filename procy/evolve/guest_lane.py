"""A lane, here, of a run on another machine: what ``procy host lane`` does for it. It is a lane like any other, in a pane of a
tmux server of its own, recorded in this machine's database.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from procy.evolve.lane import Answer, Tell
from procy.evolve.pane_lane import PaneLane
from procy.evolve.plan import Plan
from procy.hosts.mirror import bare, missing
from procy.hosts.talk import Caller
from procy.places import Places, make_home
from procy.store.db import open_reader

SESSION = "evolve"  # of the tmux server: see procy.evolve.panes


def tmux_socket(home: str) -> str:
    """As ``tmux -L procy-…`` has it. Not in the data directory, whose path may be too long for a socket."""
    folder = os.environ.get("TMUX_TMPDIR") or "/tmp"
    return f"{folder}/tmux-{os.getuid()}/procy-{sha256(os.fsencode(home)).hexdigest()[:8]}"


def serve_lane(places: Places, caller: Caller) -> dict[str, Any]:
    """Carry out one method of ``procy.evolve.lane.Lane``."""
    make_home(places)
    request = caller.request
    plan = Plan(
        agent=tuple(request["agent"]), profile=request["profile"], lanes=request["lanes"], socket=tmux_socket(places.home)
    )
    repo = bare(places.home, request["repository"], request["commit"])
    lane = PaneLane(places, request["run"], request["number"], repo, plan, os.environ)
    return METHODS[request["method"]](lane, caller, request["arguments"])


def prepare(lane: PaneLane, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    """Or what it ``lacks``, to be sent before it is asked again."""
    commits = missing(lane.repo, [given["commit"]])
    if commits:
        return {"lacks": commits, "path": str(lane.repo.root)}
    ready = lane.prepare(given["commit"], given["conversation"], caller.check, teller(caller))
    return {**asdict(ready), "socket": lane.plan.socket}


def is_there(lane: PaneLane, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"there": lane.is_there(given["session_id"])}


def send(lane: PaneLane, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"injection_id": lane.send(given["session_id"], given["prompt"], given["injection_id"], caller.check)}


def wait(lane: PaneLane, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    session_id, injection_id = given["session_id"], given["injection_id"]
    answer = lane.wait(session_id, injection_id, given["patience_s"], caller.check, teller(caller))
    return {**asdict(answer), **elsewhere(lane.places, answer)}


def elsewhere(places: Places, answer: Answer) -> dict[str, Any]:
    """What the other machine can know of the turn: its own database has none."""
    if answer.turn_id is None:
        return {}
    with open_reader(places.db) as connection:
        turn = connection.execute("SELECT * FROM turns WHERE id = ?", (answer.turn_id,)).fetchone()
    tokens = sum(turn[f"{kind}_tokens"] or 0 for kind in ("input", "output", "cache_read", "cache_write"))
    found = {"turn": answer.turn_id, "tokens": tokens, "usd": turn["cost_usd"] or 0.0}
    return {"turn_id": None, "response": turn["response"], "elsewhere": found}


def commit(lane: PaneLane, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    """The commit, and the ref of the repository at ``path`` that has it."""
    sha = lane.commit(given["parent"], given["message"])
    ref = f"refs/procy/{lane.run_id.lower()}/lane/{lane.number}"
    lane.repo.set_ref(ref, sha)
    return {"commit": sha, "ref": ref, "path": str(lane.repo.root)}


def interrupt(lane: PaneLane, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    lane.interrupt(given["session_id"])
    return {}


def close(lane: PaneLane, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    lane.close()
    return {}


METHODS: Mapping[str, Callable[[PaneLane, Caller, Mapping[str, Any]], dict[str, Any]]] = {
    one.__name__: one for one in (prepare, is_there, send, wait, commit, interrupt, close)
}


def teller(caller: Caller) -> Tell:
    """Says what is new only."""
    last = ""

    def tell(text: str) -> None:
        nonlocal last
        if text != last:
            last = text
            caller.say(text)

    return tell
