"""The board: what every tmux server of ours shows in its options, for status lines, window lists and scripts.

Panes have ``@procy_session``, ``_state``, ``_reason``, ``_since`` and ``_context``, paused ones ``_session`` and ``_paused``; the
server has ``@procy_busy``, ``_waiting``, ``_idle``, ``_error`` (how many recorded panes) and ``@procy_today``. The board is told
the whole truth each time and sends what differs from what tmux has, in one command list a server. What an earlier sidecar
left is read first, so a stale value lives no longer than until the next sidecar looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from procy.capture.tmux import Tmux
from procy.errors import TmuxError
from procy.sidecar.log import log
from procy.types import State

PANE_OPTIONS = (
    "@procy_session",
    "@procy_state",
    "@procy_since",
    "@procy_context",
    "@procy_paused",
)  # "@procy_reason" is text: not read back
STATES: tuple[State, ...] = ("busy", "waiting", "idle", "error")
SERVER_OPTIONS = (*(f"@procy_{state}" for state in STATES), "@procy_today")
FORMAT = "\t".join(f"#{{{name}}}" for name in ("pane_id", *PANE_OPTIONS, *SERVER_OPTIONS))
UNKNOWN = "?"  # a value that none of ours is, so that it is set or removed whatever tmux has
REASON_LENGTH = 200  # characters
LIST_LENGTH = 8000  # characters of a command list; tmux takes 16,343 bytes

Options = dict[str, str]
Command = tuple[str, ...]


class Shown(NamedTuple):
    """What is known of a recorded pane. ``context_left`` is percent; ``since_ns``: since when it has this state."""

    socket: str
    pane_id: str
    session_id: str
    agent: str
    cwd: str
    state: State | Literal["paused"]
    reason: str
    since_ns: int
    context_left: int | None = None

    def options(self) -> Options:
        if self.state == "paused":
            return {"@procy_session": self.session_id, "@procy_paused": "1"}
        return {
            "@procy_session": self.session_id,
            "@procy_state": self.state,
            "@procy_reason": self.reason[:REASON_LENGTH],
            "@procy_since": str(self.since_ns // 1_000_000_000),
            "@procy_context": "" if self.context_left is None else str(self.context_left),
        }


class Change(NamedTuple):
    """A pane whose state became another one. ``previous`` is "" for one that was not recorded before."""

    shown: Shown
    previous: str


class Board:
    """All servers. ``is_ours`` says whether a session is of this data directory: what others show is left alone."""

    def __init__(self, is_ours: Callable[[str], bool]) -> None:
        self.is_ours = is_ours
        self.servers: dict[str, ServerBoard] = {}

    def show(self, panes: Iterable[Shown], today: str) -> list[Change]:
        """Bring every server's options up to date; returns the states that changed."""
        wanted: dict[str, list[Shown]] = {socket: [] for socket in self.servers}
        for pane in panes:
            wanted.setdefault(pane.socket, []).append(pane)
        changes: list[Change] = []
        for socket, shown in wanted.items():
            changes += self.server(socket).show(shown, today if shown else "")
        return changes

    def server(self, socket: str) -> ServerBoard:
        if socket not in self.servers:
            self.servers[socket] = ServerBoard(Tmux(socket), self.is_ours)
        return self.servers[socket]


class ServerBoard:
    """One server. Keeps what its options are, as read at the beginning and as set since."""

    def __init__(self, tmux: Tmux, is_ours: Callable[[str], bool]) -> None:
        self.tmux = tmux
        self.panes: dict[str, Options] = {}
        self.counts: Options = {}
        self.read(is_ours)

    def read(self, is_ours: Callable[[str], bool]) -> None:
        """What an earlier sidecar left here."""
        try:
            lines = self.tmux.run("list-panes", "-a", "-F", FORMAT)
        except TmuxError:  # no server: nothing left
            return
        for line in lines:
            pane_id, *values = line.split("\t")
            if len(values) != len(PANE_OPTIONS) + len(SERVER_OPTIONS):
                continue
            found = dict(zip((*PANE_OPTIONS, *SERVER_OPTIONS), values, strict=True))
            self.counts = {name: found[name] for name in SERVER_OPTIONS if found[name]}
            if found["@procy_session"] and is_ours(found["@procy_session"]):
                self.panes[pane_id] = {name: found[name] for name in PANE_OPTIONS} | {"@procy_reason": UNKNOWN}

    def show(self, shown: Sequence[Shown], today: str) -> list[Change]:
        """Set what differs. What tmux does not take is tried again the next time, unless the pane is gone by then."""
        self.forget_new(shown)
        counts = Counter(pane.state for pane in shown)
        server = {f"@procy_{state}": str(counts[state] or "") for state in STATES} | {"@procy_today": today}
        panes = {pane.pane_id: self.kept_since(pane) for pane in shown}
        lists = {"": differences(self.counts, server, "set-option", "-g")}
        for pane_id in {**self.panes, **panes}:
            where = ("set-option", "-p", "-t", pane_id)
            lists[pane_id] = differences(self.panes.get(pane_id, {}), panes.get(pane_id, {}), *where)
        failed = self.send({name: commands for name, commands in lists.items() if commands})
        before, self.panes = self.panes, {name: options for name, options in panes.items() if name not in failed}
        self.counts = {} if "" in failed else server
        told = [pane for pane in shown if pane.state != "paused" and pane.pane_id not in failed]
        changes = [Change(pane, before[pane.pane_id].get("@procy_state", "")) for pane in told]
        return [one for one in changes if one.previous != one.shown.state]

    def forget_new(self, shown: Sequence[Shown]) -> None:
        """Of a session that is new here nothing is taken for known: its pane may be one of the next server on this socket."""
        for pane in shown:
            if self.panes.get(pane.pane_id, {}).get("@procy_session") != pane.session_id:
                self.panes[pane.pane_id] = dict.fromkeys((*PANE_OPTIONS, "@procy_reason"), UNKNOWN) | {"@procy_state": ""}
                self.counts = dict.fromkeys(SERVER_OPTIONS, UNKNOWN)

    def kept_since(self, pane: Shown) -> Options:
        """The pane's options; a state that it has already keeps its time."""
        before, options = self.panes[pane.pane_id], pane.options()
        same = before.get("@procy_state") == pane.state
        return options | {"@procy_since": before["@procy_since"]} if same and before.get("@procy_since") else options

    def send(self, lists: dict[str, list[Command]]) -> set[str]:
        """As few round trips as possible; returns what failed. tmux stops a list at a pane that is gone: then each goes alone."""
        failed = set()
        for batch in batches(lists):
            if not self.does([command for name in batch for command in lists[name]]):
                failed |= {name for name in batch if not self.does(lists[name])}
        return failed

    def does(self, commands: Sequence[Command]) -> bool:
        try:
            self.tmux.run_all(commands)
        except TmuxError as error:
            log.debug("%s", error)
            return False
        return True


def differences(before: Options, after: Options, *where: str) -> list[Command]:
    """The commands that make ``after`` of ``before``; an option without a value is removed. ``where``: the command's begin."""
    names = [name for name in {**before, **after} if before.get(name, "") != after.get(name, "")]
    return [(*where, name, after[name]) if after.get(name) else (*where, "-u", name) for name in names]


def batches(lists: dict[str, list[Command]]) -> Iterator[list[str]]:
    """Names of lists that one call of tmux takes together."""
    batch: list[str] = []
    length = 0
    for name, commands in lists.items():
        size = sum(len(word.encode("utf-8", "replace")) + 1 for command in commands for word in command)
        if batch and length + size > LIST_LENGTH:
            yield batch
            batch, length = [], 0
        batch.append(name)
        length += size
    if batch:
        yield batch
