"""`procy forget`: what it takes is found nowhere afterwards, and everything else is what it was."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from procy.parse.blank import blanked
from procy.parse.screen import Screen
from procy.recording.forget import forget_session, forget_turn
from procy.recording.rebuild import rebuild
from procy.recording.transcripts import new_reader
from procy.settings import Settings
from procy.store import corrections, injections, marks, runs, tags, write
from procy.store.corrections import Pair
from procy.store.db import iso, open_writer
from tests.conftest import Lab, wait_until
from tests.ui.sample import places_in

RECORDINGS = Path(__file__).parent.parent / "recordings"
TRANSCRIPTS = sorted(path for path in RECORDINGS.glob("*/*/*/*.jsonl"))
SECRET, ANSWER = "marmalade-cupboard", "quicksilver-staircase"


def everything(path: str) -> Iterator[bytes]:
    """Every value of every table, frames unpacked."""
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    tables = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for row in connection.execute(f"SELECT * FROM {table}"):
            for value in row:
                if isinstance(value, bytes):
                    packed = value.startswith(b"\x28\xb5\x2f\xfd")
                    yield zstandard.ZstdDecompressor().decompress(value) if packed else value
    connection.close()


def found(lab: Lab, word: str) -> list[str]:
    """Where a word still stands: in values, or in the files as they are."""
    needle = word.encode()
    places = [f"a value: {value[:80]!r}" for value in everything(lab.places.db) if needle in value]
    files = [path for path in Path(lab.places.home).rglob("*") if path.is_file() and path.suffix != ".log"]
    return places + [f"the file {path.name}" for path in files if needle in path.read_bytes()]


def rows(lab: Lab, table: str) -> list[dict[str, object]]:
    return lab.rows(f"SELECT * FROM {table} ORDER BY 1")


def without_n(turns: list[dict[str, object]]) -> list[dict[str, object]]:
    """``n`` numbers the rows of the index, which are made anew."""
    return [{name: value for name, value in turn.items() if name != "n"} for turn in turns]


@pytest.fixture
def ended(shell: Lab) -> Lab:
    """A session of four commands in a shell, of which the third has the secret."""
    spool = shell.record("--name", "four")
    for number, command in enumerate(("echo one", "seq 1 60", f"echo {SECRET} | tr a-z A-Z; echo {ANSWER}", "echo four"), 1):
        shell.type(command)
        shell.until_turns(number)
    shell.procy("record", "off", inside=True)
    shell.until_ended(spool.session_id)
    wait_until(lambda: not spool.path.exists(), what="the spool to be removed")
    return shell


def test_a_turn_is_found_nowhere_and_the_others_stay(ended: Lab) -> None:
    before = ended.turns()
    assert found(ended, SECRET) and found(ended, ANSWER)
    done = ended.procy("forget", "four:3", "--yes")
    assert "forgot turn" in done.stderr and "still" not in done.stdout
    for word in (SECRET, ANSWER, SECRET.upper(), "MARMALADE", "quicksilver"):
        assert not found(ended, word)
    kept = [turn for turn in before if turn["seq"] != 3]
    assert [turn["seq"] for turn in kept] == [1, 2, 4]
    assert without_n(ended.turns()) == without_n(kept)
    ended.procy("rebuild", "--all")
    assert without_n(ended.turns()) == without_n(kept), "rebuild makes the same rows again, and not the forgotten one"
    assert ended.procy("show", "four:4").stdout.count("four")
    assert "no turn 'four:3'" in ended.procy("show", "four:3", check=False).stderr
    gaps = [json.loads(str(row["detail"])) for row in ended.rows("SELECT detail FROM pane_events WHERE kind = 'gap'")]
    assert [gap["cause"] for gap in gaps] == ["forgotten"]


def test_a_prompt_that_was_refused_before_it_was_sent_goes_with_its_turn(ended: Lab) -> None:
    [turn] = [turn for turn in ended.turns() if turn["seq"] == 3]
    text, session_id = str(turn["prompt"]), str(turn["session_id"])
    with write.written(ended.places.db) as connection:
        injections.add(connection, "REFUSED", session_id, 1, text, text)
        injections.settle(connection, "REFUSED", "withheld", None)
        injections.add(connection, "ANOTHER", session_id, 1, "echo four", "echo four")
    ended.procy("forget", "four:3", "--yes")
    assert not found(ended, SECRET)
    assert [row["id"] for row in rows(ended, "injections")] == ["ANOTHER"]


def test_the_prompt_of_a_try_goes_with_its_turn(ended: Lab) -> None:
    [turn] = [turn for turn in ended.turns() if turn["seq"] == 3]
    run = {"strategy": "greedy", "proposer": "template", "goal": turn["prompt"], "budget": {}, "options": {}, "root": "/srv",
           "base_sha": "b", "status": "done"}  # fmt: skip
    attempt = {"run_id": "RUN", "seq": 1, "step": "done", "prompt": turn["prompt"], "proposed": turn["prompt"],
               "response": turn["prompt"], "turn_id": turn["id"]}  # fmt: skip
    with write.written(ended.places.db) as connection:
        runs.add_run(connection, "RUN", 1, run)
        runs.add_try(connection, "TRY", 1, attempt)
        corrections.add(connection, "C", 1, Pair(None, "TRY", str(turn["prompt"]), "better", "", "me"))
    done = ended.procy("forget", "four:3", "--yes")
    assert not found(ended, SECRET)
    assert "/srv: refs/procy/run/try/1" in done.stdout
    assert rows(ended, "tries")[0]["seq"] == 1, "its figures stay"


def test_what_stands_around_a_forgotten_turn_is_recorded_as_before(ended: Lab) -> None:
    (session,) = ended.rows("SELECT id FROM sessions")
    raw = ended.recorded(str(session["id"]))
    ended.procy("forget", "four:3", "--yes")
    after = ended.recorded(str(session["id"]))
    assert len(after) == len(raw)
    differs = [place for place, (old, new) in enumerate(zip(raw, after, strict=True)) if old != new]
    third = ended.rows("SELECT terminal_to AS last FROM turns WHERE seq = 2")[0]["last"]
    assert min(differs) >= int(str(third))
    screen = Screen(100, 30)
    screen.feed(after)
    lines = screen.lines()
    assert "$ echo four" in lines and "four" in lines and "**** " in "\n".join(lines)


def test_a_session_is_found_nowhere(ended: Lab, tmp_path: Path) -> None:
    ended.procy("export", "md", "four", "-o", str(tmp_path / "four.md"))
    ended.procy("export", "raw", "four")
    done = ended.procy("forget", "four", "--yes")
    assert "four.md  (md, " in done.stdout and "standard output  (raw, " in done.stdout
    assert not found(ended, SECRET) and not found(ended, ANSWER)
    for table in ("sessions", "turns", "terminal_blocks", "pane_events", "keyframes", "terminal_texts"):
        assert not rows(ended, table), table
    assert ended.procy("search", "four").stdout == ""


def test_tags_and_marks_stay_with_their_turn_and_go_with_it(ended: Lab, tmp_path: Path) -> None:
    turns = ended.turns()
    session = str(turns[0]["session_id"])
    with write.written(ended.places.db) as connection:
        for number in (2, 3):
            tags.add(connection, "turn", str(turns[number]["id"]), f"tag-{number}", session, 1)
            marks.bookmark(connection, "turn", str(turns[number]["id"]), session, 1)
        tags.add(connection, "session", session, "mine", session, 1)
        marks.seen(connection, session, 3, 1)
    kept = rows(ended, "tags"), rows(ended, "marks")
    assert [len(table) for table in kept] == [3, 3]
    ended.procy("rebuild", "four")
    assert (rows(ended, "tags"), rows(ended, "marks")) == kept and without_n(ended.turns()) == without_n(turns)
    ended.procy("export", "html", "four", "-o", str(tmp_path / "four.html"))
    done = ended.procy("forget", "four:3", "--yes")
    assert "four.html  (html, " in done.stdout
    assert {row["tag"] for row in rows(ended, "tags")} == {"tag-3", "mine"}
    assert {row["target_id"] for row in rows(ended, "marks")} == {turns[3]["id"], session}
    ended.procy("forget", "four", "--yes")
    assert not rows(ended, "tags") and not rows(ended, "marks")


def test_what_the_terminal_shows_again_is_said(shell: Lab) -> None:
    """A pager draws what an earlier command printed: that is in no turn, and nothing to claim away."""
    (shell.work / "notes").write_text(f"{SECRET} on the {ANSWER}\n" + "more\n" * 40)
    shell.record("--name", "two")
    shell.type("head -1 notes")
    shell.until_turns(1)
    shell.type("less notes")
    shell.wait_for("notes")
    wait_until(lambda: "more\nmore" in shell.screen(), what="the pager")
    shell.press("q")
    shell.until_turns(2)
    shell.procy("record", "off", inside=True)
    done = shell.procy("forget", "two:1", "--yes")
    assert "The terminal still shows some of it, drawn at another time (offsets " in done.stdout
    assert "procy forget SESSION" in done.stdout and found(shell, SECRET)
    assert not [turn for turn in shell.turns() if SECRET in str(turn)]
    shell.procy("forget", "two", "--yes")
    assert not found(shell, SECRET) and not found(shell, ANSWER)


def test_an_agent_with_a_transcript(lab: Lab) -> None:
    """Prompt box, transcript and terminal: the middle one of three turns goes, out of all three."""
    path = lab.root / "transcript.jsonl"
    lab.environment["PROCY_DEMO_TRANSCRIPT"] = str(path)
    lab.start()
    lab.type(f"procy record --name demo -- {sys.executable} -m procy.demo.agent")
    for number, prompt in enumerate(("Write a word counter", f"Is unicode in the {SECRET}?", "say good bye"), 1):
        wait_until(lambda: "\n❯\n" in lab.screen(), what="its prompt box")
        lab.type(prompt)
        lab.until_turns(number, 60)
    before = lab.turns()
    lab.press("C-d")
    lab.wait_for("bye\n")
    lab.until_ended(str(before[0]["session_id"]))
    before = lab.turns()
    assert found(lab, SECRET)
    done = lab.procy("forget", "demo:2", "--yes")
    assert str(path) in done.stdout and "still shows" not in done.stdout
    assert not found(lab, SECRET) and not found(lab, "Umlauts and CJK")
    assert without_n(lab.turns()) == without_n([turn for turn in before if turn["seq"] != 2])


def test_a_resumed_conversation_brings_nothing_back(tmp_path: Path) -> None:
    path = next(path for path in TRANSCRIPTS if path.parent.name == "talk" and "claude" in str(path))
    connection, count = stored(tmp_path, path)
    turns = connection.execute("SELECT id FROM turns").fetchall()
    forget_session(connection, places_in(tmp_path), "S", 5)
    with write.transaction(connection):
        write.put_session(connection, "T", {"agent": "claude-code", "status": "ended", "started_at": iso(9)})
        write.put_transcript(connection, "T", "claude-code", path.stem, str(path), 9)
    read_so_far, lines = connection.execute(
        "SELECT next_offset, (SELECT count(*) FROM transcript_lines) FROM transcripts"
    ).fetchone()
    assert (read_so_far, lines) == (path.stat().st_size, 0), "the new session reads on where the forgotten one was"
    reader = new_reader("claude_code", path.stem)
    for line in path.read_bytes().splitlines():
        reader.feed(line)
    with write.transaction(connection):
        for turn in reader.changed():
            write.put_turn(connection, "T", turn, lambda text: text, None)
    assert count == len(turns) and not connection.execute("SELECT * FROM turns").fetchall()


def test_what_is_being_recorded_is_refused_with_the_remedy(shell: Lab) -> None:
    shell.record("--name", "live")
    shell.type("echo one")
    shell.until_turns(1)
    for handle in ("live", "live:1"):
        done = shell.procy("forget", handle, "--yes", check=False)
        assert done.returncode == 1 and f"Stop it first: procy stop {shell.pane}" in done.stderr


def test_it_asks_before(ended: Lab) -> None:
    assert ended.procy("forget", "four", check=False).returncode == 2
    ended.type("procy forget four:1")
    ended.wait_for("This cannot be undone [y/N]:")
    ended.type("n")
    ended.wait_for("$ ")
    assert len(ended.turns()) == 4
    ended.type("clear; procy forget four:1")
    ended.wait_for("[y/N]:")
    ended.type("y")
    ended.wait_for("forgot turn")
    assert len(ended.turns()) == 3


@pytest.mark.parametrize(
    "path", TRANSCRIPTS, ids=lambda path: f"{path.parent.parent.parent.name}-{path.parent.name}-{path.stem[-6:]}"
)
def test_every_turn_of_every_recorded_transcript_can_be_forgotten_alone(path: Path, tmp_path: Path) -> None:
    number, count = 0, 1
    while number < count:
        home = tmp_path / str(number)
        home.mkdir()
        connection, count = stored(home, path)
        before = all_rows(connection)
        if before:
            forget_turn(connection, places_in(home), before[number][0], Settings(), 5)
        kept = [row for place, row in enumerate(before) if place != number]
        assert all_rows(connection) == kept
        rebuild(connection, "S", Settings())
        assert all_rows(connection) == kept
        connection.close()
        number += 1


def stored(home: Path, path: Path) -> tuple[sqlite3.Connection, int]:
    """A database with one ended session ``S`` that wrote this transcript, and how many turns it has."""
    agent = path.relative_to(RECORDINGS).parts[0]
    lines, offset = [], 0
    for line in path.read_bytes().splitlines():
        lines.append((offset, line))
        offset += len(line) + 1
    connection = open_writer(str(home / "procy.db"))
    with write.transaction(connection):
        write.put_session(connection, "S", {"agent": agent, "status": "ended", "started_at": iso(0), "ended_at": iso(1)})
        write.put_transcript(connection, "S", agent, path.stem, str(path), 0)
        write.add_transcript_lines(connection, write.transcript_id(agent, path.stem, str(path)), lines, offset)
    return connection, rebuild(connection, "S", Settings())


def all_rows(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Turns with their calls and files; every column that names something."""
    turns = connection.execute("SELECT * FROM turns ORDER BY seq").fetchall()
    calls = connection.execute("SELECT * FROM tool_calls ORDER BY turn_id, seq").fetchall()
    files = connection.execute("SELECT * FROM turn_files ORDER BY turn_id, path").fetchall()
    return [
        (turn[1], turn[2:], [one for one in calls if one[1] == turn[1]], [one for one in files if one[0] == turn[1]])
        for turn in turns
    ]


def test_blanked_bytes_draw_the_same_shapes() -> None:
    text = "\x1b[31mred\x1b[0m 漢字 é 👍\r\n$ make\tit\x1b]0;a title\x07\x1b]133;C\x07│ x │\x1b[2;5Hend"
    blank = blanked(text.encode())
    assert len(blank) == len(text.encode())
    screens = []
    for data in (text.encode(), blank):
        screen = Screen(40, 5)
        screen.feed(data)
        screens.append((screen.lines(), screen.cursor))
    assert screens[0][1] == screens[1][1]
    assert screens[1][0][:2] == ["*** **** * **", "$ *****   **"] or screens[1][0][0] == "*** **** * 👍"
    assert b"\x1b]133;C\x07" in blank and b"title" not in blank
