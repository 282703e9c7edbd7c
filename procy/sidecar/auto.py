"""Agents that record themselves: those that ``@procy-auto`` names, wherever in a registered tmux server they start."""

from __future__ import annotations

from dataclasses import dataclass

from procy.capture import process as processes
from procy.capture.servers import registered
from procy.capture.tmux import Pane, Tmux
from procy.errors import PaneTaken, ProcyError, TmuxError
from procy.places import Places
from procy.recording import start
from procy.recording.auto import SEEN, WATCHED, Watched, parse_watched
from procy.recording.early import arm, disarm, is_early
from procy.recording.foreground import find_agent, is_shell
from procy.sidecar.log import log
from procy.types import Process, Profile

LIST_NS = 1_000_000_000  # how often tmux is asked for panes and options
LOOK_NS = 150_000_000  # how often each pane's program is looked at
FIRST_NS = 80_000_000  # a program that has just started may still become another one: it is looked at again after so long,
LAST_NS = 20_000_000_000  # and then less and less often


@dataclass(slots=True)
class Program:
    """What has a pane's terminal: a process group and its leader's name, since when, when to look again (0: never)."""

    group: int | None = None
    name: str = ""
    since_ns: int = 0
    again_ns: int = 0


class AutoRecord:
    """Looks often which program each pane of the registered servers has, and at its processes only when that changed."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.servers: dict[str, Server] = {}
        self.listed_ns = self.looked_ns = 0

    @property
    def watches(self) -> bool:
        """Whether there is a server in which some agent is to record itself."""
        return bool(self.servers)

    def look(self, now_ns: int) -> None:
        if now_ns - self.listed_ns >= LIST_NS:
            self.listed_ns = now_ns
            known = self.servers
            self.servers = {}
            for tmux in registered(self.places):
                server = known.get(tmux.socket) or Server(self.places, tmux)
                if server.survey():
                    self.servers[tmux.socket] = server
        if now_ns - self.looked_ns >= LOOK_NS:
            self.looked_ns = now_ns
            for server in self.servers.values():
                server.look(now_ns)


class Server:
    """One tmux server whose panes are watched."""

    def __init__(self, places: Places, tmux: Tmux) -> None:
        self.places, self.tmux = places, tmux
        self.panes: list[Watched] = []
        self.programs: dict[str, Program] = {}
        self.armed: set[str] | None = None  # not known: an earlier sidecar may have left its hooks

    def survey(self) -> bool:
        """Ask for panes and options; False when no agent is to record itself here."""
        try:
            self.take(self.tmux.run("list-panes", "-a", "-F", WATCHED))
            self.arm({agent for one in self.panes for agent in one.rules.agents})
        except TmuxError as error:
            log.warning("%s", error)
            return False
        return bool(self.panes)

    def take(self, lines: list[str]) -> None:
        found = {one.pane.pane_id: one for line in lines if (one := parse_watched(line))}
        self.panes = [one for one in found.values() if one.rules.agents and not one.pane.dead]
        self.programs = {one.pane.pane_id: self.programs.get(one.pane.pane_id) or Program() for one in self.panes}

    def arm(self, agents: set[str]) -> None:
        """Have tmux catch the first byte of panes whose first command is one of the agents."""
        if agents == self.armed:
            return
        if agents:
            arm(self.places, self.tmux, agents)
        else:
            disarm(self.tmux)
        self.armed = agents

    def look(self, now_ns: int) -> None:
        for one in self.panes:
            program = self.programs[one.pane.pane_id]
            group = processes.foreground_group(one.pane.pid)
            name = processes.name_of(group) if group else ""
            if (group, name) != (program.group, program.name):
                program.group, program.name, program.since_ns, program.again_ns = group, name, now_ns, now_ns
            if group and program.again_ns and now_ns >= program.again_ns:
                self.examine(one, program, group, now_ns)

    def examine(self, one: Watched, program: Program, group: int, now_ns: int) -> None:
        """Look at the processes of a pane whose program changed, or may become another one still."""
        program.again_ns = now_ns + min(max(now_ns - program.since_ns, FIRST_NS), LAST_NS)
        process, profile = find_agent(group)
        if process is None or profile is None:
            return
        if (
            is_shell(process)
            or process.pid == one.seen
            or (one.rules.want(process, profile) and self.record(one.pane, process, profile))
        ):
            program.again_ns = 0

    def watched(self, pane_id: str) -> Watched | None:
        lines = self.tmux.run("display-message", "-p", "-t", pane_id, WATCHED)
        return parse_watched(lines[0]) if lines else None

    def record(self, pane: Pane, process: Process, profile: Profile) -> bool:
        """Record the agent unless somebody has decided about its pane; True when nothing more is to be done about it."""
        try:
            now = self.watched(pane.pane_id)  # options may be other ones since the panes were listed
            if now is None or not now.rules.want(process, profile) or is_early(now.pane):
                return False
            pane = now.pane
            if start.spool_of(self.places, pane) is None:
                spool = start.record_process(start.Wish(places=self.places), self.tmux, pane, process, profile)
                log.info("%s: %s in %s records itself", spool.session_id, profile.name, pane.pane_id)
            self.tmux.run("set-option", "-p", "-t", pane.pane_id, SEEN, str(process.pid))
        except PaneTaken as error:
            log.warning("%s; it is not recorded", error.what)
            return True
        except (ProcyError, OSError) as error:
            log.warning("%s: %s", pane.pane_id, error)
            return False
        return True
