"""A lane on a host reached by ssh. procy there does the work, in a worktree and a pane of its own; commits come and go by git."""

from __future__ import annotations

import shlex
import time
from contextlib import suppress
from typing import Any

from procy.errors import AgentError, HostError, ProcyError
from procy.evolve.host_view import close_view, open_view
from procy.evolve.lane import Answer, LaneLost, Pause, Ready, Tell, Watch
from procy.evolve.plan import Plan
from procy.git import Repo
from procy.hosts.mirror import fetch, key_of, push
from procy.hosts.ssh import host_of
from procy.hosts.talk import RemoteError, ask, nothing
from procy.settings.evolve import HostSettings

PAUSES_S = (2.0, 10.0, 30.0)  # before a host that is not reached is asked again
KINDS = {"LaneLost": LaneLost, "Pause": Pause}
ATTEMPTS = 3  # while it lacks something
RESUME = "then: procy evolve resume"


class HostLane:
    """See ``procy.evolve.lane.Lane``. Every method can be asked again: an answer may be lost on the way."""

    cwd = ""

    def __init__(self, run_id: str, number: int, repo: Repo, plan: Plan, settings: HostSettings, is_first: bool = False) -> None:
        """``is_first``: of its host; it opens a pane beside the user's that shows the panes there."""
        self.run_id, self.number, self.repo, self.plan, self.settings = run_id, number, repo, plan, settings
        self.is_first = is_first
        self.host = settings.name
        self.connection = host_of(settings)
        self.key = key_of(repo)

    def prepare(self, commit: str, conversation: str, watch: Watch, tell: Tell) -> Ready:
        for _ in range(ATTEMPTS):
            found = self.ask("prepare", commit, watch, tell, commit=commit, conversation=conversation)
            if "session_id" in found:
                self.show(found["socket"])
                return Ready(found["session_id"], found["knows_parent"])
            try:
                push(self.connection, self.repo, found["path"], found["lacks"])
            except HostError as error:
                raise lost(error) from error
        raise LaneLost(f"host {self.host} keeps no commit that it is sent", f"See there: procy doctor; {RESUME}")

    def is_there(self, session_id: str) -> bool:
        return bool(self.ask("is_there", session_id=session_id)["there"])

    def send(self, session_id: str, prompt: str, injection_id: str, watch: Watch) -> str:
        found = self.ask("send", watch=watch, session_id=session_id, prompt=prompt, injection_id=injection_id)
        return str(found["injection_id"])

    def wait(self, session_id: str, injection_id: str, patience_s: float, watch: Watch, tell: Tell) -> Answer:
        found = self.ask("wait", watch=watch, tell=tell, session_id=session_id, injection_id=injection_id, patience_s=patience_s)
        return Answer(**found)

    def commit(self, parent: str, message: str) -> str:
        found = self.ask("commit", parent, parent=parent, message=message)
        if found["commit"] != parent:
            try:
                fetch(self.connection, self.repo, found["path"], found["ref"])
            except HostError as error:
                raise lost(error) from error
        return str(found["commit"])

    def interrupt(self, session_id: str) -> None:
        with suppress(ProcyError):
            self.ask_once("interrupt", session_id=session_id)

    def close(self) -> None:
        with suppress(ProcyError):
            close_view(self.plan, self.run_id, self.number)
        self.ask_once("close")

    def show(self, socket: str) -> None:
        """What is seen here is never in the way of what is done there."""
        if self.is_first and self.plan.pane:
            with suppress(ProcyError):
                open_view(self.plan, self.run_id, self.number, self.settings, socket)

    # -- asking ---------------------------------------------------------------------------------------------------------

    def ask(self, method: str, known: str = "", watch: Watch = nothing, tell: Tell = nothing, **given: Any) -> dict[str, Any]:
        """``known``: a commit of the repository. Raises LaneLost where the host stays away, and what was raised there."""
        for pause_s in PAUSES_S:
            try:
                return self.ask_once(method, known, watch, tell, **given)
            except HostError:
                sleep(pause_s, watch)
        try:
            return self.ask_once(method, known, watch, tell, **given)
        except HostError as error:
            raise lost(error) from error

    def ask_once(
        self, method: str, known: str = "", watch: Watch = nothing, tell: Tell = nothing, **given: Any
    ) -> dict[str, Any]:
        request = {
            "method": method, "run": self.run_id, "number": self.number, "repository": self.key, "commit": known,
            "agent": agent_of(self.plan, self.settings), "profile": self.plan.profile, "lanes": self.settings.lanes,
            "arguments": given,
        }  # fmt: skip
        try:
            return ask(self.connection, "lane", request, said=lambda text: tell(self.named(text)), check=watch)
        except RemoteError as error:
            raise KINDS.get(error.kind, ProcyError)(error.what, error.remedy) from error

    def named(self, text: str) -> str:
        return f"{text} (host {self.host})" if text else ""


def agent_of(plan: Plan, settings: HostSettings) -> tuple[str, ...]:
    """The agent's command on the host."""
    return tuple(shlex.split(settings.agent)) or plan.agent


def lost(error: HostError) -> LaneLost:
    return LaneLost(error.what, f"{error.remedy}; {RESUME}" if error.remedy else "Go on with: procy evolve resume")


def sleep(seconds: float, watch: Watch) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        watch()
        time.sleep(0.1)


def check_host(plan: Plan, settings: HostSettings) -> None:
    """Whether lanes can be there. Raises HostError, and AgentError where the agent is not."""
    agent = agent_of(plan, settings)
    found = ask(host_of(settings), "hello", {"programs": agent[:1]})
    for name, remedy in (("git", "apt install git there"), ("tmux", "apt install tmux there")):
        if not found["programs"][name]:
            raise HostError(f"host {settings.name} has no {name}", remedy)
    if agent and not found["programs"][agent[0]]:
        what = f"host {settings.name} does not find {agent[0]}"
        where = f'name it: [hosts.{settings.name}] agent = "…"'
        raise AgentError(what, f"Put it on the PATH that commands over ssh get, or {where}")
