"""A shell, Claude Code (suspended, resumed, ended), the shell, Codex, the shell: recorded with who had the terminal when."""

from __future__ import annotations

import pytest

from procy.parse.screen import Screen
from procy.parse.terminal import TerminalReader
from procy.types import Picture, Read
from tests.parse.casts import Story, load, load_story, tell, turns

AGENTS = "bash/5.2/agents.cast"
SHELL = [
    ("echo start", "start"),
    ("sh /home/user/lab-17/c.sh", ""),
    ("echo while suspended", "while suspended"),
    ("echo again", "again"),
    ("fg", ""),
    ("echo after claude", "after claude"),
    ("echo second after", "second after"),
    ("sh /home/user/lab-17/x.sh", ""),
    ("echo last", "last"),
    ("echo very last", "very last"),
]


def noticed_late(story: Story, seconds: float) -> Story:
    """The same story, the shell's return noticed so long after what was printed then."""
    late: Story = []
    waiting: Story = []
    last_ns = 0
    for item in story:
        if not isinstance(item, Read) and item["shell_waits"]:
            waiting.append(item)
            continue
        if isinstance(item, Read) and item.time_ns - last_ns > seconds * 1e9:
            late, waiting = [*late, *waiting], []
        late.append(item)
        if not isinstance(item, Read):
            continue
        last_ns = item.time_ns
    return [*late, *waiting]


@pytest.mark.parametrize("seconds", [0, 0.1, 0.3])
def test_every_command_of_the_shell_is_told_and_nothing_of_the_agents(seconds: float) -> None:
    picture, story = load_story(AGENTS)
    told = turns(tell(picture, noticed_late(story, seconds) if seconds else story))
    assert [(turn.prompt, turn.response, turn.status) for turn in told] == [(*command, "done") for command in SHELL]


def seen_by_tmux(reads: list[Read]) -> Picture:
    """The screen as ``capture-pane`` gives it: text and cursor, no modes."""
    screen = Screen(reads[0].columns, reads[0].rows)
    for read in reads:
        screen.feed(read.data)
    column, row = screen.cursor
    return Picture(*screen.size, b"\x1b[H" + "\r\n".join(screen.lines()).encode() + f"\x1b[{row + 1};{column + 1}H".encode())


def follow_from(question: str, after: bool) -> TerminalReader:
    """Attached in the middle of an agent that procy does not know: before a question is typed, or once it is answered."""
    _, reads = load(AGENTS)
    asked = next(place for place, read in enumerate(reads) if question.encode() in read.data)
    pauses = [place for place in range(1, len(reads)) if reads[place].time_ns - reads[place - 1].time_ns > 1_000_000_000]
    cut = next(place for place in pauses if place > asked) if after else max(place for place in pauses if place <= asked)
    end = next((place for place in pauses if place > cut), len(reads))
    story: Story = [{"shell_waits": False, "reads_turns": True, "program": "agent"}, *reads[cut:end]]
    return tell(seen_by_tmux(reads[:cut]), story)


@pytest.mark.parametrize("question", ["question one", "question two", "question three"])
def test_an_unknown_agent_is_read_from_the_middle_of_its_session(question: str) -> None:
    reader = follow_from(question, after=False)
    (turn,) = turns(reader)
    assert (turn.prompt, turn.status) == (question, "done")
    assert question in turn.response and reader.reads_lines


@pytest.mark.parametrize("question", ["question one", "question three"])
def test_what_stood_on_the_screen_before_is_no_turn(question: str) -> None:
    assert not turns(follow_from(question, after=True))


def test_a_shell_seen_by_tmux_has_no_box() -> None:
    picture = Picture(80, 24, b"\x1b[H> ls\r\nfile\r\n\r\n> \r\n\r\nleft below\x1b[4;3H")
    reader = tell(picture, [{"shell_waits": True, "reads_turns": True, "program": "bash"}, Read(10**9, 0, 80, 24, b"x")])
    assert not reader.has_box


@pytest.mark.parametrize("question", ["question one", "question three"])
def test_what_an_agent_leaves_on_the_screen_when_it_is_killed_is_no_turn(question: str) -> None:
    """Its own source told that turn; the pane shows it until tmux notices that nobody is there any more."""
    picture, reads = load(AGENTS)
    asked = next(place for place, read in enumerate(reads) if question.encode() in read.data)
    answered = next(
        place for place in range(asked + 1, len(reads)) if reads[place].time_ns - reads[place - 1].time_ns > 1_000_000_000
    )
    agent: Story = [{"shell_waits": False, "reads_turns": False, "program": "agent"}]
    nobody: Story = [{"shell_waits": False, "reads_turns": True, "program": ""}]
    assert not turns(tell(picture, [*agent, *reads[:answered], *nobody]))
