"""tmux as procy uses it: find panes, attach and detach pipes, take pictures, set pane options.

Every fact about tmux's behaviour that this file relies on is in ``docs/decisions/0002-tmux.md``. Text that the agent
controls (titles, commands) is never interpolated into a command; paths are, with ``#`` and ``%`` doubled.
"""

import os
import shlex
import subprocess
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from libtmux import Server
from libtmux.exc import LibTmuxException, TmuxCommandNotFound

from procy.errors import TmuxError
from procy.types import Picture

FIELDS = (
    "pane_id", "pane_pid", "pane_tty", "pane_dead", "pane_pipe", "pane_width", "pane_height", "pid", "session_name",
    "window_index", "pane_index",
)  # nothing that may hold a tab or a newline  # fmt: skip
FORMAT = "\t".join(f"#{{{name}}}" for name in FIELDS)


@dataclass(frozen=True, slots=True)
class Pane:
    """One line of ``list-panes``. ``server_pid`` tells a tmux server from the next one on the same socket."""

    pane_id: str
    pid: int
    tty: str
    dead: bool
    piped: bool
    columns: int
    rows: int
    server_pid: int
    session: str
    window: int
    index: int


def parse_pane(line: str) -> Pane | None:
    fields = line.split("\t")
    if len(fields) != len(FIELDS):
        return None
    pane_id, pid, tty, dead, piped, columns, rows, server_pid, session, window, index = fields
    sizes, place = (int(columns or 0), int(rows or 0)), (int(window or 0), int(index or 0))
    return Pane(pane_id, int(pid or 0), tty, dead == "1", piped == "1", *sizes, int(server_pid or 0), session, *place)


MODES = {  # tmux's flag: what switches it on in a terminal
    "keypad_cursor_flag": b"\x1b[?1h",
    "keypad_flag": b"\x1b=",
    "mouse_standard_flag": b"\x1b[?1000h",
    "mouse_button_flag": b"\x1b[?1002h",
    "mouse_all_flag": b"\x1b[?1003h",
    "mouse_sgr_flag": b"\x1b[?1006h",
    "insert_flag": b"\x1b[4h",
}
PICTURE_FIELDS = ("pane_width", "pane_height", "alternate_on", "cursor_x", "cursor_y", "cursor_flag",
                  "scroll_region_upper", "scroll_region_lower", *MODES)  # fmt: skip
PICTURE = "procy-picture:" + ",".join(f"#{{{name}}}" for name in PICTURE_FIELDS)
TYPED = 2000  # characters a send-keys takes for sure: its limit is 16,343 bytes


class Tmux:
    """One tmux server, named by its socket."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self.server = Server(socket_path=socket)

    def run(self, *arguments: str) -> list[str]:
        """The lines that a tmux command prints. Raises TmuxError with tmux's own words."""
        try:
            result = self.server.cmd(*arguments)
        except TmuxCommandNotFound as error:
            raise TmuxError("tmux was not found", "Install it: apt install tmux, or brew install tmux") from error
        except LibTmuxException as error:
            raise TmuxError(f"tmux: {error}") from error
        if result.returncode:
            words = "; ".join(result.stderr) or f"exit status {result.returncode}"
            raise TmuxError(f"tmux {arguments[0]}: {words}")
        return list(result.stdout)

    def panes(self) -> list[Pane]:
        """Every pane of the server; empty when no server runs there."""
        try:
            lines = self.run("list-panes", "-a", "-F", FORMAT)
        except TmuxError as error:
            if server_is_gone(str(error)):
                return []
            raise
        unique = {pane.pane_id: pane for line in lines if (pane := parse_pane(line))}
        return list(unique.values())

    def pane(self, target: str) -> Pane:
        """The pane that tmux understands under ``target`` ("" is the active one)."""
        where = ["-t", target] if target else []
        lines = self.run("display-message", "-p", *where, FORMAT)
        pane = parse_pane(lines[0]) if lines else None
        if pane is None or not pane.pane_id:
            raise TmuxError(f"no pane {target or 'is active'}", "List them with: tmux list-panes -a")
        return pane

    def cwd(self, pane_id: str) -> str:
        """The directory that the pane's program is in, whatever characters it has."""
        return "\n".join(self.run("display-message", "-p", "-t", pane_id, "#{pane_current_path}"))

    def attach(self, pane_id: str, command: list[str]) -> Picture:
        """Pipe the pane's output to ``command`` and take the picture of the moment before, with nothing in between.

        An open pipe of ours is replaced; whether one of another tool is in the way must be asked before.
        """
        pipe = ("pipe-pane", "-O", "-t", pane_id, "exec " + unexpanded(shlex.join(command)))
        return self._picture(pane_id, *pipe)

    def detach(self, pane_id: str) -> None:
        self.run("pipe-pane", "-t", pane_id)

    def picture(self, pane_id: str) -> Picture:
        return self._picture(pane_id)

    def _picture(self, pane_id: str, *then: str) -> Picture:
        """Picture, facts and one more command in a single command list: tmux does nothing else in between."""
        follow = (";", *then) if then else ()
        lines = self.run(
            "capture-pane", "-p", "-e", "-N", "-t", pane_id,
            ";", "display-message", "-p", "-t", pane_id, PICTURE, *follow,
        )  # fmt: skip
        values = lines[-1].removeprefix("procy-picture:").split(",")
        return paint(lines[:-1], dict(zip(PICTURE_FIELDS, (int(value or 0) for value in values), strict=True)))

    def show(self, pane_id: str, form: str) -> str:
        """A format, expanded for the pane."""
        return "\n".join(self.run("display-message", "-p", "-t", pane_id, form))

    def option(self, name: str) -> str:
        """A server-wide option of the user's or ours; "" where it is not set."""
        return "\n".join(self.run("show-options", "-gqv", name))

    def press(self, pane_id: str, key: str) -> None:
        """One key, by tmux's name for it, in a write of its own."""
        self.run("send-keys", "-t", pane_id, key)

    def type(self, pane_id: str, text: str) -> None:
        """Text as if typed, key by key."""
        for start in range(0, len(text), TYPED):
            self.run_all([("send-keys", "-t", pane_id, "-l", "--", text[start : start + TYPED])])

    def paste(self, pane_id: str, text: str) -> None:
        """Text as a terminal pastes it: framed where the program asked for that (mode 2004), line feeds kept."""
        name = f"procy-{uuid.uuid4().hex}"
        self.load_buffer(name, text)
        self.run("paste-buffer", "-p", "-r", "-d", "-b", name, "-t", pane_id)

    def load_buffer(self, name: str, text: str, clipboard: bool = False) -> None:
        """A paste buffer of that name, and with ``clipboard`` the terminal's clipboard too."""
        wish = ["-w"] if clipboard else []
        command = ["tmux", "-S", self.socket, "load-buffer", *wish, "-b", name, "-"]
        done = subprocess.run(command, input=text.encode("utf-8", "surrogateescape"), capture_output=True, check=False)
        if done.returncode:
            raise TmuxError(f"tmux load-buffer: {done.stderr.decode('utf-8', 'replace').strip()}")

    def say(self, client: str, text: str, ms: int = 5000) -> None:
        """A line in a client's status line; formats in it are expanded. tmux 3.2 takes no client here, and chooses one itself."""
        try:
            self.run("display-message", "-d", str(ms), "-c", client, text)
        except TmuxError:
            self.run("display-message", "-d", str(ms), text)

    def run_all(self, commands: Iterable[Sequence[str]]) -> list[str]:
        """Several commands in one list: one round trip, and tmux does nothing else in between. The first that fails ends it.

        Arguments are text: a ``;`` that ends one would separate commands.
        """
        words: list[str] = []
        for command in commands:
            words += [";"] if words else []
            words += [word[:-1] + "\\;" if word.endswith(";") else word for word in command]
        return self.run(*words)


def paint(lines: list[str], facts: dict[str, int]) -> Picture:
    """The escape sequences for a captured screen. ``facts`` are the values of ``PICTURE_FIELDS``."""
    rows = facts["pane_height"]
    parts = [b"\x1b[?1049h" if facts["alternate_on"] else b"", b"\x1b[H"]
    parts.append("\r\n".join(lines[:rows]).encode("utf-8", "surrogateescape"))
    parts.append(b"\x1b[0m")
    upper, lower = facts["scroll_region_upper"], facts["scroll_region_lower"]
    if (upper, lower) != (0, rows - 1):
        parts.append(b"\x1b[%d;%dr" % (upper + 1, lower + 1))
    parts += [escapes for name, escapes in MODES.items() if facts[name]]
    parts.append(b"\x1b[%d;%dH" % (facts["cursor_y"] + 1, facts["cursor_x"] + 1))
    parts.append(b"" if facts["cursor_flag"] else b"\x1b[?25l")
    return Picture(facts["pane_width"], rows, b"".join(parts))


def unexpanded(text: str) -> str:
    """Protect a string from tmux's format and strftime expansion, which ``pipe-pane`` applies to its command."""
    return text.replace("#", "##").replace("%", "%%")


def server_is_gone(words: str) -> bool:
    return any(sign in words for sign in ("no server running", "error connecting", "server exited", "lost server"))


def current_socket() -> str:
    """The socket of the tmux that this process runs in, or "" outside tmux."""
    return os.environ.get("TMUX", "").split(",")[0]
