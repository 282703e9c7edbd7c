"""A lane on this machine: a git worktree, and a pane in which the agent is started in it for every try."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from procy import ids
from procy.act.interrupt import interrupt
from procy.act.target import find_target
from procy.capture.tmux import Tmux
from procy.errors import GitError, ProcyError, TmuxError
from procy.evaluate.checkout import borrow
from procy.evolve import panes
from procy.evolve.lane import Answer, LaneLost, Ready, Tell, Watch
from procy.evolve.plan import Plan
from procy.evolve.prompting import send_once, until_ready, wait_for_answer
from procy.git import Repo
from procy.places import Places
from procy.plugins import profile_named
from procy.recording import start
from procy.store.read import short

START_S = 120.0
STOP_S = 5.0
POLL_S = 0.05
DROPPED = ("TMUX", "TMUX_PANE", "PWD", "OLDPWD", "COLUMNS", "LINES", "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT")


class PaneLane:
    """See ``procy.evolve.lane.Lane``. ``environment`` is what the agent gets."""

    host = ""

    def __init__(self, places: Places, run_id: str, number: int, repo: Repo, plan: Plan, environment: Mapping[str, str]) -> None:
        self.places, self.run_id, self.number, self.repo, self.plan = places, run_id, number, repo, plan
        self.environment = {name: value for name, value in environment.items() if name not in DROPPED}
        self.tmux = Tmux(plan.socket)
        self.folder = Path(places.home) / "lanes" / run_id
        self.tree = self.folder / str(number)

    @property
    def cwd(self) -> str:
        return str(self.tree)

    def prepare(self, commit: str, conversation: str, watch: Watch, tell: Tell) -> Ready:
        pane_id = panes.lane_panes(self.tmux, self.run_id).get(self.number)
        if pane_id:
            self.end_recording(pane_id)
            if panes.death_of(self.tmux, pane_id) is not None:
                panes.close_lane_pane(self.tmux, pane_id)  # a dead pane keeps its pipe, which nothing can take off
                pane_id = None
        self.put(commit)
        session_id = ids.new_id(time.time_ns(), secrets.token_bytes(10))
        argv, forked = self.command(conversation)
        self.start(pane_id, session_id, argv)
        start.start_sidecar(self.places)
        until_ready(self.places, session_id, START_S, lambda: self.watch_start(watch), tell)
        return Ready(session_id, forked)

    def put(self, commit: str) -> None:
        """Make the worktree the commit's: anew where it is none, or is broken (an agent did that, or a kill in the midst)."""
        try:
            self.repo.repair_worktree(self.tree).reset(commit)
        except GitError:
            self.repo.add_worktree(self.tree, commit)
        borrow(map(Path, self.plan.links), self.repo.root, self.tree)

    def watch_start(self, watch: Watch) -> None:
        """Raises LaneLost with the agent's last words where it ended instead of beginning."""
        watch()
        pane_id = panes.lane_panes(self.tmux, self.run_id).get(self.number)
        words = panes.death_of(self.tmux, pane_id) if pane_id else "its pane was closed"
        if words is not None:
            raise LaneLost(f"the agent of lane {self.number} did not start: {words}", "Try its command by hand")

    def command(self, conversation: str) -> tuple[tuple[str, ...], bool]:
        """What starts the agent, and whether it will remember that conversation."""
        fork = getattr(profile_named(self.plan.profile), "fork", None)
        forked = fork(self.plan.agent, conversation) if fork and conversation else None
        return (tuple(forked), True) if forked else (self.plan.agent, False)

    def start(self, pane_id: str | None, session_id: str, argv: tuple[str, ...]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{self.number}.json"
        wish = {
            "session_id": session_id, "name": f"evolve-{short(self.run_id)}-{self.number}".lower(), "parent_id": "",
            "argv": argv, "environment": {**self.environment, **self.places.environment, "PWD": str(self.tree)},
        }  # fmt: skip
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(wish, file)
        settings = [f"{name}={value}" for name, value in self.places.environment.items()]
        code = ["/usr/bin/env", *settings, sys.executable, "-m", "procy.evolve.become", str(path)]
        try:
            if pane_id:
                panes.renew_lane_pane(self.tmux, pane_id, self.tree, code)
            else:
                beside = self.plan.pane
                panes.open_lane_pane(self.tmux, self.run_id, self.number, beside, self.plan.lanes, self.tree, code)
        except TmuxError as error:
            path.unlink(missing_ok=True)  # it has the agent's secrets
            raise LaneLost(f"no pane for lane {self.number} ({error.what})", "Start tmux; then: procy evolve resume") from error

    def end_recording(self, pane_id: str) -> None:
        """So that the next agent of the pane is a session of its own."""
        with suppress(ProcyError):
            spool = start.spool_of(self.places, self.tmux.pane(pane_id))
            if spool:
                start.stop(spool)

    def is_there(self, session_id: str) -> bool:
        try:
            target = find_target(self.places, session_id, any_program=True)
            return not target.look().dead and target.has_terminal()
        except ProcyError:
            return False

    def send(self, session_id: str, prompt: str, injection_id: str, watch: Watch) -> str:
        return send_once(self.places, session_id, prompt, injection_id, watch)

    def wait(self, session_id: str, injection_id: str, patience_s: float, watch: Watch, tell: Tell) -> Answer:
        return wait_for_answer(self.places, session_id, injection_id, patience_s, watch, tell)

    def commit(self, parent: str, message: str) -> str:
        try:
            tree = self.repo.repair_worktree(self.tree)
        except GitError as error:
            raise LaneLost(
                f"lane {self.number} has lost its work tree ({error.what})", "Go on with: procy evolve resume"
            ) from error
        for name in self.plan.links:
            if (self.tree / name).is_symlink():
                (self.tree / name).unlink()  # ".gitignore" may mean directories only, which a link is not
        found = tree.snapshot_tree()
        if found == tree.tree_of(parent):
            return parent
        sha = tree.commit_tree(found, [parent], message)
        tree.reset(sha)
        return sha

    def interrupt(self, session_id: str) -> None:
        with suppress(ProcyError):
            interrupt(find_target(self.places, session_id, any_program=True))

    def close(self) -> None:
        pane_id = panes.lane_panes(self.tmux, self.run_id).get(self.number)
        if pane_id:
            self.end_recording(pane_id)
            panes.close_lane_pane(self.tmux, pane_id)
        self.repo.remove_worktree(self.tree)
        (self.folder / f"{self.number}.json").unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()
