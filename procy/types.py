"""The vocabulary in code: what the parts hand to each other. Standard library only; times are ns since 1970."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

State = Literal["busy", "waiting", "idle", "error"]
TurnStatus = Literal["open", "done", "interrupted", "error"]
TurnKind = Literal["prompt", "command", "shell"]
ToolStatus = Literal["ok", "error", "denied", "unknown"]
Source = Literal["transcript", "stream", "wire", "screen"]


class Read(NamedTuple):
    """Terminal bytes that came in one go: ``data`` at stream ``offset``, seen in a window of columns × rows."""

    time_ns: int
    offset: int
    columns: int
    rows: int
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole screen: the escape sequences that paint it on an empty terminal of that size."""

    columns: int
    rows: int
    escapes: bytes


class PaneEvent(NamedTuple):
    """What happened to a pane beside its output, at a place in its bytes; ``picture`` where one was taken then.

    ``kind``: attach, gap, foreground, state, respawn, end.
    """

    at_ns: int
    offset: int
    kind: str
    detail: Mapping[str, Any]
    picture: Picture | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, as the agent or the wire reports them; ``None`` where it does not. ``input`` excludes what a cache gave."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input=_sum(self.input, other.input),
            output=_sum(self.output, other.output),
            cache_read=_sum(self.cache_read, other.cache_read),
            cache_write=_sum(self.cache_write, other.cache_write),
            reasoning=_sum(self.reasoning, other.reasoning),
        )


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None and right is None else (left or 0) + (right or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One use of a tool. ``response_at``: characters of the turn's response that came before it."""

    key: str
    name: str
    input: str
    result: str | None = None
    status: ToolStatus = "unknown"
    started_ns: int | None = None
    duration_ms: int | None = None
    response_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file that a turn changed; ``diff`` in unified form where the agent tells it."""

    path: str
    change: Literal["added", "modified", "deleted"]
    diff: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """From a prompt until the agent is ready again.

    ``ends_as``: what an open one is when the agent is ready again and its source says no more about it.
    ``key`` names it: among all conversations of its agent, so that a copy in a forked conversation is the same turn; among
    the turns of its session where the source is the screen.
    """

    key: str
    kind: TurnKind = "prompt"
    folded: bool = False
    prompt: str
    response: str = ""
    reasoning: str = ""
    status: TurnStatus = "open"
    ends_as: TurnStatus = "interrupted"
    error: str | None = None
    source: Source = "transcript"
    agent_session_id: str | None = None
    model: str | None = None
    started_ns: int
    ended_ns: int | None = None
    usage: Usage = field(default_factory=Usage)
    tool_calls: tuple[ToolCall, ...] = ()
    files: tuple[FileChange, ...] = ()
    terminal_from: int | None = None
    terminal_to: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one source says about the agent's state, and since when."""

    state: State
    reason: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class TranscriptFile:
    """A file in which an agent keeps a conversation.

    ``parent`` is the key of the conversation that spawned it, ``forked_from`` of the one it began as a copy of.
    ``proof``: where it may be another process's too, how screen rows begin of which the pane shows one if it is this one's.
    """

    path: str
    agent_session_id: str
    parent: str = ""
    forked_from: str = ""
    proof: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where and when a conversation took place, as far as its transcript tells: its first line's time, and its last's."""

    cwd: str = ""
    branch: str = ""
    git_head: str = ""
    began_ns: int = 0
    last_ns: int = 0


@dataclass(frozen=True, slots=True)
class Process:
    """A running program: enough to know it again after its pid was given to another."""

    pid: int
    started_ns: int
    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]


PRIVATE_FILE = "{private file}"
ANSWER_FILE = "{answer file}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start an agent so that procy can follow it: argv and environment changes (None removes a variable).

    ``private`` is the content of a file that only its owner may read; its path stands for ``PRIVATE_FILE`` in argv.
    """

    argv: tuple[str, ...]
    environment: tuple[tuple[str, str | None], ...] = ()
    agent_session_id: str = ""
    private: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The gateway as an agent is to reach it: its address for each family of clients, and the token of the agent's session."""

    claude: str
    codex: str
    openai: str
    token: str = field(repr=False)

    def with_token(self, url: str) -> str:
        """One of the addresses, for a client that takes nothing but an address."""
        return f"{url}/p/{self.token}"


class TranscriptReader(Protocol):
    """Folds an agent's transcript lines into turns. Pure: no clock, no I/O; the same lines give the same turns."""

    def feed(self, line: bytes) -> None:
        """Take one whole line without its newline. A line that is not understood is skipped, never an error."""

    def changed(self) -> Sequence[Turn]:
        """The turns that changed since the last call, in order, each as it stands now."""

    def wanted(self) -> Sequence[str]:
        """Files that the lines so far refer to and that were not given yet."""

    def give(self, path: str, content: bytes) -> None:
        """The content of a wanted file."""

    def evidence(self) -> Evidence | None:
        """What the last lines say about the agent's state."""

    @property
    def pending(self) -> ToolCall | None:
        """The call that runs, or for which the agent asks."""

    @property
    def title(self) -> str | None:
        """The conversation's name, where it has one."""

    @property
    def cost_usd(self) -> float | None:
        """What the whole conversation has cost, where the agent states it."""

    @property
    def context_left(self) -> int | None:
        """Percent of the model's context window that is left, where the transcript tells it."""


class TracingReader(TranscriptReader, Protocol):
    """One that tells what an imported conversation's session is made of as well. procy does without."""

    @property
    def whereabouts(self) -> Whereabouts:
        """Where and when the conversation took place."""

    @property
    def broken(self) -> int:
        """How many lines were none of the agent's: torn, or no text."""


class Profile(Protocol):
    """What procy knows about one agent. One file each in ``procy/agents``; see ``procy.hookspecs``.

    One whose terminal's title tells its state may have ``titles``: pairs of how a title begins, and the state. ``interrupt``:
    the key that stops its work, as tmux calls it, where that is not Escape. ``marks``: by what its screen is read beside what
    procy knows anyway, see ``procy.parse.marks``; of an agent without ``transcript`` it is all that tells its turns.
    """

    name: str
    title: str
    transcript: str  # module of ``procy.parse.transcripts`` (or, with a dot, any) that reads its transcript; "" where it has none
    composer: tuple[str, ...]  # how the first row of its composer begins, one blank before the text; () where procy cannot tell
    program: str  # the command that starts it, or "" where there is no such one

    def owns(self, argv: Sequence[str]) -> bool:
        """Whether a process with these arguments is this agent."""

    def interactive(self, argv: Sequence[str]) -> bool:
        """Whether it talks to somebody at its terminal: not one that does a single task, nor its ``update`` or ``login``."""

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        """The command to start it with. ``hook`` is a command that spools JSON: from standard input, or, when more words
        follow it, its last word, before it runs those words. With ``--status COMMAND`` behind it, it keeps the newest JSON
        from standard input, in the form of ``procy.parse.status``, and becomes that line of sh, which gets the same."""

    def via(self, argv: Sequence[str], endpoint: Endpoint) -> Launch:
        """The command and the environment that send its API calls through the gateway. Nothing secret stands in the command,
        which everybody on the machine can see. procy does without the method as well."""

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        """The command that goes on with an earlier conversation."""

    def fork(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...] | None:
        """The command that goes on with a copy of an earlier conversation; None where the agent cannot."""

    def headless(self, argv: Sequence[str], prompt: str) -> Launch | None:
        """The command that answers one prompt, which is on its standard input too, and ends, changing no file and keeping no
        conversation; with the model and the login of the agent started by ``argv``. The answer is what it prints, or where
        ``ANSWER_FILE`` is a word of it, what it writes to the file whose path stands for that. None where there is no such
        command; procy does without the method as well."""

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        """The transcript files that this very process writes, newest last."""

    def hooked(self, event: Mapping[str, Any], environment: Mapping[str, str]) -> TranscriptFile | None:
        """The transcript that one of its hook events is about, where there is one: how that of an agent is found which had
        ended before it could be asked. ``environment`` is like the agent's. procy does without the method as well."""

    def live(self, process: Process) -> Evidence | None:
        """The state the agent publishes about itself outside its transcript."""

    def kept(self, environment: Mapping[str, str], place: Path | None = None) -> Iterable[TranscriptFile]:
        """Every conversation that the agent has kept: in its own folder, or in or below ``place``; oldest first, sub-agents'
        with ``parent``. procy does without the method as well."""
