"""Recorded shells: every command with exactly its output."""

from __future__ import annotations

import pytest

from procy.types import Picture, Read
from tests.parse.casts import load, tell, turns

LONG = "echo a very long command line that wraps around the end of the screen because it is longer than eighty columns ok"
NUMBERS = "\n".join(map(str, range(1, 3001)))
EXPECTED = [
    ("echo hello", "hello"),
    ("ls /etc | head -5", "PackageKit\nX11\nadduser.conf\nalternatives\napache2"),
    ('for i in 1 2\ndo echo "n $i"; done', "n 1\nn 2"),
    ("printf noeol", "noeol"),
    ("false", ""),
    ("seq 1 3000", NUMBERS),
    ("echo right", "right"),
    (
        'sleep 0.5; printf "50%%\\n100%%"; sleep 1; echo; printf "cost 5 $ "; sleep 0.6; echo done',
        "50%\n100%\ncost 5 $ done",
    ),
]
BASH = [
    ("sleep 5", "^C"),
    ("echo 漢字 👩\u200d👩\u200d👧", "漢字 👩\u200d👩\u200d👧"),
    ("echo after clear", "after clear"),
    (LONG, LONG.removeprefix("echo ")),
]


@pytest.mark.parametrize("name", ["bash/5.2/commands.cast", "dash/0.5.12/commands.cast"])
def test_commands_and_outputs(name: str) -> None:
    told = [(turn.prompt, turn.response) for turn in turns(tell(*load(name)))]
    assert told[: len(EXPECTED)] == EXPECTED


def test_bash_with_line_editing_interrupts_and_a_cleared_screen() -> None:
    told = [(turn.prompt, turn.response) for turn in turns(tell(*load("bash/5.2/commands.cast")))]
    assert told[-len(BASH) :] == BASH


@pytest.mark.parametrize("name", ["zsh/5.9/commands.cast", "fish/3.6/commands.cast", "python/3.11/repl.cast"])
def test_other_line_editors(name: str) -> None:
    expected = {
        "zsh/5.9/commands.cast": [("echo hello", "hello"), ('for i in 1 2\ndo echo "n $i"; done', "n 1\nn 2")],
        "fish/3.6/commands.cast": [("echo hello", "hello"), ("seq 3", "1\n2\n3"), ("false", "")],
        "python/3.11/repl.cast": [("1+1", "2"), ("for i in range(2):\n print(i)", "0\n1"), ('print("x"*200)', "x" * 200)],
    }[name]
    told = [(turn.prompt, turn.response) for turn in turns(tell(*load(name)))]
    assert told[: len(expected)] == expected


AHEAD = [
    ("for i in 1 2; do\necho $i\ndone", "1\n2"),
    ("cat <<X\nline1\n  line2\n\nX", "line1\n  line2"),
    ("true", ""),
    ("echo a", "a"),
    ("echo b", "b"),
    ("echo 'x\ny'", "x\ny"),
    ("sleep 1", ""),
    ("echo late", "late"),
    ("if true\nthen\necho yes\nfi", "yes"),
    ("echo end", "end"),
]


@pytest.mark.parametrize("name", ["bash/5.2/ahead.cast", "zsh/5.9/ahead.cast"])
def test_lines_typed_ahead_are_one_command_where_the_shell_asks_for_more(name: str) -> None:
    assert [(turn.prompt, turn.response) for turn in turns(tell(*load(name)))] == AHEAD


def test_a_prompt_of_two_rows_that_ends_like_one_for_more() -> None:
    assert [(turn.prompt, turn.response) for turn in turns(tell(*load("bash/5.2/two-rows.cast")))] == [
        ("PS1='here\\n> '", ""), ("true", ""), ("cd /", ""), ("echo one", "one"),
        ("for i in 1 2; do\necho $i\ndone", "1\n2"), ("echo end", "end"),
    ]  # fmt: skip


INTERRUPTED = {
    "bash/5.2/interrupts.cast": [("for i in 1 2\ndo", "", "interrupted"), ("echo six", "six", "done")],
    "fish/3.6/interrupts.cast": [],
    "zsh/5.9/interrupts.cast": [],
}


@pytest.mark.parametrize("name", INTERRUPTED)
def test_control_c_at_a_prompt_runs_nothing(name: str) -> None:
    """zsh leaves no ^C behind: there a line that was given up reads like a command without output."""
    told = [(turn.prompt, turn.response.rstrip("⏎"), turn.status) for turn in turns(tell(*load(name)))]
    commands = [("echo one", "one"), ("echo two", "two"), ("echo three", "three"), ("sleep 9", "^C"), ("echo four", "four")]
    expected = [(*command, "done") for command in [*commands, ("echo five", "five")]] + INTERRUPTED[name]
    given_up = [("abc", "", "done"), ("xyz", "", "done")] if name.startswith("zsh") else []
    assert [turn for turn in told if turn not in given_up] == expected


def test_marks_of_a_line_that_goes_on_begin_no_command() -> None:
    """As kitty's shell integration marks secondary prompts."""
    stream = (
        b"\x1b]133;A\x07$ \x1b]133;B\x07for i in 1\r\n\x1b]133;A;k=s\x07> do echo $i\r\n\x1b]133;A;k=s\x07> done\r\n"
        b"\x1b]133;C\x071\r\n\x1b]133;D;0\x07\x1b]133;A\x07$ \x1b]133;B\x07"
    )
    (turn,) = turns(tell(Picture(80, 24, b""), [Read(1_000_000_000, 0, 80, 24, stream)]))
    assert (turn.prompt, turn.response) == ("for i in 1\ndo echo $i\ndone", "1")


def test_osc_133_marks_decide_where_there_are_some() -> None:
    """Marks name the input exactly, whatever the prompt looks like, and bring the exit status."""
    stream = (
        b"\x1b]133;A\x07odd prompt without a glyph \x1b]133;B\x07"
        b"make test\r\n\x1b]133;C\x07compiling $ 100% \r\nfailed\r\n\x1b]133;D;2\x07"
        b"\x1b]133;A\x07odd prompt without a glyph \x1b]133;B\x07"
    )
    reader = tell(Picture(80, 24, b""), [Read(1_000_000_000, 0, 80, 24, stream)])
    (turn,) = turns(reader)
    assert (turn.prompt, turn.response, turn.error) == ("make test", "compiling $ 100%\nfailed", "exit status 2")
    assert turn.status == "done"


def test_a_pause_that_looks_like_a_prompt_ends_nothing_while_a_program_has_the_terminal() -> None:
    picture, reads = load("dash/0.5.12/commands.cast")
    told = turns(tell(picture, reads, shell_waits=False))
    assert told == [] or all(turn.status == "open" for turn in told)


def test_a_huge_line_stays_one() -> None:
    line = "".join(f"{number:07d}." for number in range(50_000))
    stream = f"\x1b[?2004h$ cat one\r\n\x1b[?2004l\r{line}\r\nnext\r\n\x1b[?2004h$ ".encode()
    reads = [Read(10**9 + at, at, 80, 24, stream[at : at + 10_000]) for at in range(0, len(stream), 10_000)]
    (turn,) = turns(tell(Picture(80, 24, b""), reads))
    assert turn.response == f"{line}\nnext"


def test_huge_output_keeps_beginning_and_end() -> None:
    from procy.parse.shell import RESPONSE_LIMIT

    lines = b"".join(b"line %07d of a long output\r\n" % number for number in range(120_000))
    stream = b"\x1b[?2004h$ ", b"cat big\r\n\x1b[?2004l\r", lines, b"\x1b[?2004h$ "
    reads, offset, time_ns = [], 0, 0
    for part in stream:
        time_ns += 1_000_000_000
        reads.append(Read(time_ns, offset, 80, 24, part))
        offset += len(part)
    (turn,) = turns(tell(Picture(80, 24, b""), reads))
    assert turn.response.startswith("line 0000000 of") and turn.response.endswith("line 0119999 of a long output")
    assert "characters are in the recording only" in turn.response
    assert len(turn.response) < 2 * RESPONSE_LIMIT
