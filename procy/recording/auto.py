"""Which agents record themselves: what the tmux options ``@procy-auto`` and ``@procy-ignore`` say about a pane."""

from __future__ import annotations

import os
from typing import NamedTuple

from procy.agents.commands import is_program
from procy.capture.tmux import FORMAT, Pane, parse_pane
from procy.types import Process, Profile

SEEN = "@procy_seen"  # pane option: pid of the agent about which has been decided, so that a stopped recording stays stopped
WATCHED = "\t".join((FORMAT, f"#{{{SEEN}}}", "#{@procy-auto}", "#{@procy-ignore}"))


class Rules(NamedTuple):
    """``agents``: names of profiles or programs. ``ignored``: directories in which none records itself."""

    agents: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def want(self, process: Process, profile: Profile) -> bool:
        """Whether this program is one of the agents, talks to somebody at the terminal, and works in no ignored place."""
        named = profile.name in self.agents or is_program(process.argv, self.agents)
        return named and profile.interactive(process.argv) and not self.ignore(process.cwd)

    def ignore(self, cwd: str) -> bool:
        """Whether a directory is one of the ignored ones, or below one; links are followed."""
        here = os.path.realpath(cwd)
        return any(here == place or here.startswith(place.rstrip("/") + "/") for place in map(os.path.realpath, self.ignored))


def read_rules(auto: str, ignore: str) -> Rules:
    """From ``claude codex`` and ``~/private:/srv/secret``."""
    return Rules(tuple(auto.split()), tuple(os.path.expanduser(place) for place in ignore.split(":") if place))


class Watched(NamedTuple):
    """A pane, the agent in it about which has been decided (a pid, or 0), and what its options say."""

    pane: Pane
    seen: int
    rules: Rules


def parse_watched(line: str) -> Watched | None:
    """One line of the format ``WATCHED``."""
    *fields, seen, auto, ignore = line.split("\t")
    pane = parse_pane("\t".join(fields))
    return Watched(pane, int(seen) if seen.isdigit() else 0, read_rules(auto, ignore)) if pane else None
