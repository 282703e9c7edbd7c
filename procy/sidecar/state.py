"""What the agent in a pane is doing, from all that speaks of it. The most trustworthy source that says anything decides.

Its own registry, then the program status or the title it sends its terminal, then its transcript, then who has the terminal,
and last what the screen looks like; where its profile knows how it asks for leave, the screen tells that of one at work.
Nothing is cleared by time alone.
"""

import json
import os

from procy.parse.arguments import telling
from procy.parse.redact import mask
from procy.parse.terminal import TerminalReader, titled_state
from procy.recording.foreground import is_shell
from procy.sidecar.agent import AgentWatch
from procy.types import Evidence, ToolCall

QUIET_NS = 1_500_000_000
CUT = 2_000  # characters that are looked at: what a cut makes of a secret lies behind those that are shown


class StateWatch:
    """Keeps the state as last told, and the question behind a permission request."""

    def __init__(self) -> None:
        self.now = Evidence("idle", "", 0)
        self.told = False
        self.since_ns = 0  # since when it has this state, whatever the reason
        self.question = ""
        self.question_ns = 0
        self.is_renewed = False  # idle again, by its title, after something so short that it was not seen at work
        self.is_doubtful = False  # idle by its title, while its transcript has the answer still to come

    def reset(self, started_ns: int) -> None:
        """A program that started then has the pane now."""
        if started_ns > self.question_ns:
            self.question = ""

    def hook(self, event: str, payload: str, at_ns: int) -> None:
        """An agent's hook fired: what it asks for is told nowhere else in words."""
        if event == "PermissionRequest":
            self.question, self.question_ns = describe_request(payload), at_ns
        elif event in ("UserPromptSubmit", "Stop", "SessionStart"):
            self.question = ""

    def changed(
        self,
        live: Evidence | None,
        screen: TerminalReader,
        transcript: Evidence | None,
        agent: AgentWatch,
        now_ns: int,
        trouble: str = "",
        pending: ToolCall | None = None,
    ) -> bool:
        """Decide anew; True when state or reason differ from what was told last.

        ``trouble``: why nothing is recorded. ``pending``: the call that it is at; asked for where no hook told the question.
        """
        titled = titled_state(screen.title, getattr(agent.profile, "titles", ()))
        found = live or screen.status or titled or transcript or self.of_program(screen, agent, now_ns)
        if found.state == "busy" and screen.asks():
            found = Evidence("waiting", "permission", screen.last_ns)  # its transcript calls that work
        self.is_doubtful = found is titled and found.state == "idle" and bool(transcript and transcript.state == "busy")
        if transcript and transcript.state == "error" and found.state in ("idle", "error"):
            found = transcript  # a registry calls a failed turn idle, and a progress mark has no words for it
        reason = shown(f"not recorded: {trouble}" if trouble else found.reason)
        if found.state != "waiting" and self.question_ns < found.at_ns:  # it was answered
            self.question = ""
        question = self.question or (described(pending.name, pending.input) if pending else "")
        if found.state == "waiting" and question and "permission" in reason:
            reason = f"permission: {question}"
        self.is_renewed = False
        if self.told and (found.state, reason) == (self.now.state, self.now.reason):
            self.is_renewed = found is titled and found.state == "idle" and found.at_ns > self.now.at_ns
            if self.is_renewed:
                self.now = Evidence(found.state, reason, found.at_ns)
            return False
        at_ns = found.at_ns or now_ns
        if not self.told or found.state != self.now.state:
            self.since_ns = at_ns
        self.told = True
        self.now = Evidence(found.state, reason, at_ns)
        return True

    def of_program(self, screen: TerminalReader, agent: AgentWatch, now_ns: int) -> Evidence:
        """A program that tells nothing: idle when it is a shell, or when it waits for a line and nothing moves.

        A shell that runs a command has given it the terminal.
        """
        since_ns = screen.last_ns
        if screen.shell_waits or (agent.process and is_shell(agent.process)):
            return Evidence("idle", "", since_ns)
        name = os.path.basename(agent.process.argv[0]) if agent.process and agent.process.argv else ""
        moves = now_ns - since_ns < QUIET_NS
        state_is_idle = screen.reads_lines and not screen.works() and not moves
        return Evidence("idle" if state_is_idle else "busy", name, since_ns)


def shown(text: str) -> str:
    """An agent's words as one line without secrets, and without what acts on a terminal or is no argument of a program."""
    return mask(" ".join("".join(one if one.isprintable() else " " for one in text).split()))


def describe_request(payload: str) -> str:
    """``Bash touch x`` from a PermissionRequest hook."""
    try:
        fields = json.loads(payload)
        return described(str(fields.get("tool_name", "")), json.dumps(fields.get("tool_input")))
    except (ValueError, AttributeError):
        return ""


def described(tool: str, arguments: str) -> str:
    """A tool and what it is used on, of its JSON arguments: a command, a file, an address."""
    try:
        what = telling(json.loads(arguments))
    except ValueError:
        what = ""
    return shown(f"{tool} {what}"[:CUT])[:200]
