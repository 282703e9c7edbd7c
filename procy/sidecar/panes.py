"""What happens to panes beside their output: closed, respawned, piped by somebody else, their tap or server killed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from procy.capture import attach
from procy.capture.process import is_alive, pipe_tools
from procy.capture.tmux import Pane, Tmux
from procy.errors import TmuxError
from procy.places import Places
from procy.sidecar.log import log
from procy.sidecar.session import Follower
from procy.store.resumable import SERVER_GONE

LOOK_NS = 1_000_000_000
RESPAWN_NS = 300_000_000
PATIENCE_NS = 1_500_000_000  # the shell around the tap starts a killed tap again in less


@dataclass(slots=True)
class Trouble:
    """Since when a pane has no tap, and why, as far as that is known."""

    since_ns: int
    cause: str


class PaneWatch:
    """Looks at every tmux server once a second, and at once when a pane's first program ends."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.servers: dict[str, Tmux] = {}
        self.troubles: dict[str, Trouble] = {}
        self.looked_ns = 0
        self.ended: dict[int, int] = {}  # panes' first programs, since the last look; by pid, ns
        self.pipe_ends: dict[str, int] = {}  # by session, as known already
        self.counts: dict[str, int] = {}  # panes of each server when it was last looked at

    def look(self, followers: Iterable[Follower], now_ns: int) -> None:
        followers = list(followers)
        for follower in followers:
            meta = follower.meta
            if meta.ends_with_agent and not follower.ending and not is_alive(meta.agent_pid):
                self.let_go(follower, now_ns)
        closing = [follower for follower in followers if self.is_closing(follower, now_ns)]
        if now_ns - self.looked_ns < LOOK_NS and not closing and not self.has_lost_pipe(followers):
            return
        self.looked_ns = now_ns
        self.ended.clear()
        panes: dict[str, dict[str, Pane]] = {}
        for follower in followers:
            socket = follower.meta.tmux_socket
            if follower.ending:
                continue
            if socket not in panes:
                panes[socket] = {pane.pane_id: pane for pane in self.panes_of(socket)}
            self.judge(follower, panes[socket], now_ns)
        self.counts |= {socket: len(found) for socket, found in panes.items() if found}

    def is_closing(self, follower: Follower, now_ns: int) -> bool:
        """Whether the pane's first program has ended, and not just now: it may be respawned."""
        pid = follower.meta.pane_pid
        if follower.ending or is_alive(pid):
            return False
        return now_ns - self.ended.setdefault(pid, now_ns) > RESPAWN_NS

    def has_lost_pipe(self, followers: Iterable[Follower]) -> bool:
        """Whether the pipe of one was closed since this was asked last: until there is another, its output is lost."""
        ends = {follower.id: follower.pipe_ended_ns for follower in followers if follower.meta.wanted == "recording"}
        new = any(at_ns and at_ns != self.pipe_ends.get(key) for key, at_ns in ends.items())
        self.pipe_ends = ends
        return new

    def panes_of(self, socket: str) -> list[Pane]:
        try:
            return self.tmux(socket).panes()
        except TmuxError as error:
            log.warning("%s", error)
            return []

    def tmux(self, socket: str) -> Tmux:
        return self.servers.setdefault(socket, Tmux(socket))

    def judge(self, follower: Follower, panes: dict[str, Pane], now_ns: int) -> None:
        meta = follower.meta
        pane = panes.get(meta.pane_id)
        if meta.wanted == "off":
            follower.end("recording was stopped", now_ns)
        elif all(one.server_pid != meta.server_pid for one in panes.values()):
            follower.end(why_gone(follower, self.counts.get(meta.tmux_socket, 0)), now_ns)
        elif pane is None:
            follower.end("the pane was closed", now_ns)
        elif pane.dead:
            follower.end("the program ended", now_ns)
        else:
            if pane.pid != meta.pane_pid:
                self.respawned(follower, pane, now_ns)
            follower.stand(pane)
            if meta.wanted == "recording":
                self.keep_tap(follower, pane, list(panes.values()), now_ns)

    def let_go(self, follower: Follower, now_ns: int) -> None:
        """The agent that was to be recorded has ended, its pane goes on without us."""
        try:
            attach.detach(follower.spool, follower.meta, patience_s=0.3)
        except TmuxError as error:
            log.warning("%s", error)
        meta = follower.meta
        if all(one.server_pid != meta.server_pid for one in self.panes_of(meta.tmux_socket)):
            follower.end(why_gone(follower, self.counts.get(meta.tmux_socket, 0)), now_ns)
        else:
            follower.end("the agent ended", now_ns)

    def respawned(self, follower: Follower, pane: Pane, now_ns: int) -> None:
        follower.meta = follower.spool.change_meta(pane_pid=pane.pid)
        follower.spool.point_at(pane.tty, follower.meta)
        follower.add_event("respawn", now_ns, {"pid": pane.pid})

    def keep_tap(self, follower: Follower, pane: Pane, panes: list[Pane], now_ns: int) -> None:
        """Notice that no tap reads the pane any more, wait a moment for its shell to start it again, else attach anew."""
        if follower.spool.tap_is_running() and not follower.pipe_ended_ns:
            self.troubles.pop(follower.id, None)
            follower.trouble = ""
            if cause := follower.wants_picture:
                follower.wants_picture = ""
                self.attach_again(follower, pane, cause)
            return
        trouble = self.troubles.setdefault(follower.id, Trouble(now_ns, ""))
        if follower.pipe_ended_ns and pane.piped:
            tools = pipe_tools(pane.server_pid, {one.pid for one in panes})
            if any(str(follower.spool.path) in tool for tool in tools):
                return  # the next tap of ours is about to say that it reads
            names = "; ".join(tool[:120] for tool in tools if "procy" not in tool) or "unknown"
            follower.trouble = trouble.cause = f"another tool pipes the pane: {names}"
        elif follower.pipe_ended_ns or now_ns - trouble.since_ns > PATIENCE_NS:
            cause = trouble.cause or ("the pipe was closed" if follower.pipe_ended_ns else "the tap was killed")
            self.attach_again(follower, pane, cause)

    def attach_again(self, follower: Follower, pane: Pane, cause: str) -> None:
        self.troubles.pop(follower.id, None)
        log.warning("%s: %s; attaching again", follower.id, cause)
        try:
            attach.attach(self.places, follower.spool, follower.meta, pane, cause)
        except (TmuxError, OSError) as error:
            log.warning("%s: %s", follower.id, error)
            follower.wants_picture = cause


def why_gone(follower: Follower, panes: int) -> str:
    """Why a recording is over whose tmux server is no more: cut off, or ended by its user, which ends a server's last pane.

    ``panes``: how many the server had when it was last looked at, 0 where nobody did.
    """
    process, profile = follower.agent.process, follower.agent.profile
    pane_is_agent = process is not None and process.pid == follower.meta.pane_pid and bool(profile and profile.transcript)
    if panes == 1 and pane_is_agent:
        return "the agent ended, and with it the tmux server"
    return SERVER_GONE
