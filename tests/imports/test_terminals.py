"""Terminal streams, casts and databases of the first procy, brought in."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from procy.parse.casts import read_events, read_header
from procy.parse.timing import read_timing, timed_reads
from procy.types import Read
from tests.imports.conftest import RECORDINGS, Desk

BASH = RECORDINGS / "bash" / "5.2" / "commands.cast"
TURNS = "SELECT seq, prompt, response, status FROM turns WHERE session_id = ? ORDER BY seq"


def session_in(told: str) -> str:
    return told.split("session ")[1].split()[0].rstrip(",")


def turns_of(desk: Desk, short: str) -> list[tuple[object, ...]]:
    ((key,),) = desk.rows("SELECT id FROM sessions WHERE id LIKE '%' || ?", short)
    return desk.rows(TURNS, key)


def test_a_cast_and_what_is_exported_of_it_have_the_same_turns(desk: Desk, tmp_path: Path) -> None:
    first = session_in(desk.told("cast", BASH))
    turns = turns_of(desk, first)
    assert [turn[1] for turn in turns][:2] == ["echo hello", "ls /etc | head -5"] and len(turns) == 14
    before = desk.everything()
    assert f"is session {first} already" in desk.told("cast", BASH)
    desk.rebuild()
    assert desk.everything() == before
    out = tmp_path / "again.cast"
    desk.run("export", "cast", first, "-o", out)
    assert turns_of(desk, session_in(desk.told("cast", out))) == turns
    raw = tmp_path / "again.raw"
    desk.run("export", "raw", first, "-o", raw)
    assert raw.read_bytes() == b"".join(
        json.loads(line)[2].encode() for line in BASH.read_text().splitlines()[1:] if json.loads(line)[1] == "o"
    )


def test_a_cast_of_version_2(desk: Desk, tmp_path: Path) -> None:
    """The same recording with the times since its beginning."""
    header, *events = (json.loads(line) for line in BASH.read_text().splitlines())
    at, lines = 0.0, [{"version": 2, "width": 80, "height": 24, "timestamp": header["timestamp"], "title": "two"}]
    for seconds, code, text in events:
        at += seconds
        lines.append([round(at, 6), code, text])  # type: ignore[arg-type]
    path = tmp_path / "two.cast"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{torn\n")
    told = desk.told("cast", path)
    assert "1 line broken" in told
    second = turns_of(desk, session_in(told))
    assert second == turns_of(desk, session_in(desk.told("cast", BASH)))
    assert desk.rows("SELECT name, origin, agent FROM sessions WHERE name = 'two'") == [("two", "import", "generic")]


def test_a_bare_stream_with_either_timing(desk: Desk, tmp_path: Path) -> None:
    """As util-linux's script writes them: the first line is its own and in no timing."""
    events = [json.loads(line) for line in BASH.read_text().splitlines()[1:]]
    pieces = [(seconds, text.encode()) for seconds, code, text in events if code == "o"]
    stream = tmp_path / "typescript"
    stream.write_bytes(b"Script started on 2026-11-20 [TERM=xterm]\n" + b"".join(data for _, data in pieces) + b"\nScript done")
    classic, advanced = tmp_path / "classic", tmp_path / "advanced"
    classic.write_text("".join(f"{seconds:f} {len(data)}\n" for seconds, data in pieces))
    heads = "H 0.000000 START_TIME 2026-11-20 12:00:00+00:00\nH 0.000000 COLUMNS 80\nH 0.000000 LINES 24\n"
    advanced.write_text(heads + "".join(f"O {seconds:f} {len(data)}\nI 0.0 1\n" for seconds, data in pieces))
    wanted = turns_of(desk, session_in(desk.told("cast", BASH)))
    for timing in (classic, advanced):
        told = desk.told("raw", stream, "--timing", timing)
        assert [turn[1:3] for turn in turns_of(desk, session_in(told))] == [turn[1:3] for turn in wanted]
    assert desk.rows("SELECT started_at FROM sessions WHERE started_at LIKE '2026-11-20T12:00:00%'")
    wide = session_in(desk.told("raw", stream, "--size", "120x40", "--agent", "claude"))
    assert desk.rows("SELECT columns, rows, agent FROM sessions WHERE id LIKE '%' || ?", wide) == [(120, 40, "claude-code")]


def test_one_that_was_killed_begins_again(desk: Desk) -> None:
    desk.told("cast", BASH)
    once = desk.everything()
    desk.connection.execute("UPDATE sessions SET status = 'lost'")
    desk.connection.execute("DELETE FROM turns WHERE seq > 3")
    desk.told("cast", BASH)
    assert desk.everything() == once


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cast", "no json\n", "cannot be read"),
        ("cast", '{"version": 1}\n', "version 2 or 3"),
        ("cast", '{"version": 2, "width": 0, "height": 24}\n', "no size"),
        ("cast", "[" * 100_000 + "\n", "cannot be read"),
        ("seed", "no database", "Give a database of the first procy"),
    ],
)
def test_what_cannot_be_imported_is_said(desk: Desk, tmp_path: Path, name: str, content: str, words: str) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    assert words in str(desk.run("import", name, path, code=1).exception)
    desk.run("import", "raw", path, "--size", "120", code=2)
    assert "no timing file" in str(desk.run("import", "raw", path, "--timing", path, code=1).exception)


def test_timing_and_casts_lose_no_byte() -> None:
    data = bytes(range(256)) * 5
    timing = read_timing(["0.5 100", "1 1000", "", "S 0.1 SIGWINCH ROWS=50 COLS=132"])
    reads = list(timed_reads([data[:7], data[7:]], timing, 10, (80, 24)))
    assert b"".join(read.data for read in reads) == data and [read.offset for read in reads] == [0, 100, 1100]
    assert [(read.time_ns, read.columns) for read in reads] == [(500_000_010, 80), (1_500_000_010, 80), (1_600_000_010, 132)]
    header = read_header('{"version": 3, "term": {"cols": 80, "rows": 24}}')
    found = list(
        read_events(['[0.5,"o","a"]', "# a remark", '[1,"r","90x30"]', '["x"]', '[1,"m","b"]', '[0.5,"o","é"]'], header, 0)
    )
    assert found == [Read(500_000_000, 0, 80, 24, b"a"), 5, Read(3_000_000_000, 1, 90, 30, "é".encode())]


# -- the first procy --------------------------------------------------------------------------------------------------

SEED = """
CREATE TABLE sessions (id TEXT, started_at REAL, ended_at REAL, status TEXT, goal TEXT, agent_session_id TEXT);
CREATE TABLE turns (id INTEGER, session_id TEXT, turn_num INTEGER, role TEXT, content TEXT, timestamp REAL, metadata TEXT);
CREATE TABLE actions (id INTEGER, session_id TEXT, turn_num INTEGER, tool_name TEXT, tool_input TEXT, tool_result TEXT,
    timestamp REAL);
CREATE TABLE corrections (id INTEGER, session_id TEXT, turn_num INTEGER, original_prompt TEXT, corrected_prompt TEXT, note TEXT,
    timestamp REAL);
CREATE TABLE terminal_events (id INTEGER, session_id TEXT);
CREATE TABLE evaluators (id INTEGER, session_id TEXT, name TEXT, script_path TEXT, script_content TEXT, run_command TEXT,
    metrics_schema TEXT, created_by TEXT, timestamp REAL);
CREATE TABLE eval_results (id INTEGER, session_id TEXT, evaluator_id INTEGER, evolve_run_id INTEGER, iteration INTEGER,
    metrics TEXT, raw_output TEXT, exit_code INTEGER, duration_s REAL, trace_metrics TEXT, timestamp REAL);
INSERT INTO sessions VALUES ('s-1', 1773500000.5, 1773500100.0, 'done', 'procy @ /home/you/project', 'c-1');
INSERT INTO turns VALUES (1, 's-1', 1, 'human', 'write a search', 1773500001.0, NULL);
INSERT INTO turns VALUES (2, 's-1', 1, 'agent_chunk', 'I will wr', 1773500002.0, NULL);
INSERT INTO turns VALUES (3, 's-1', 1, 'agent_chunk', 'ite it.', 1773500003.0, NULL);
INSERT INTO turns VALUES (4, 's-1', 2, 'procy', 'make it faster', 1773500010.0, NULL);
INSERT INTO actions VALUES (1, 's-1', 1, 'Write', 'baseline.py', 'done', 1773500002.5);
INSERT INTO corrections VALUES (1, 's-1', 1, 'make it faster', 'use an index', 'be concrete', 1773500020.0);
INSERT INTO corrections VALUES (2, 's-1', 7, 'never sent', 'better', NULL, 1773500021.0);
INSERT INTO terminal_events VALUES (1, 's-1');
INSERT INTO evaluators VALUES (5, 's-1', 'bench', 'eval.py', '', 'python3 {script}', '[{"name": "latency", "goal": "minimize"}]',
    'human', 1773500030.0);
INSERT INTO eval_results VALUES (1, 's-1', 5, NULL, 1, '{"latency": 3.5}', 'out', 0, 1.25, NULL, 1773500031.0);
INSERT INTO eval_results VALUES (2, 's-1', 5, NULL, 2, '{}', 'boom', 1, 0.5, NULL, 1773500032.0);
"""


def test_a_database_of_the_first_procy(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    with sqlite3.connect(path) as seed:
        seed.executescript(SEED)
    told = desk.told("seed", path)
    assert "1 session, 2 turns, 2 corrections, 2 results of evaluators" in told
    assert "1 correction of a prompt that is no turn" in told and "1 row of terminal_events left out" in told
    assert desk.rows("SELECT agent, cwd, origin, started_at FROM sessions") == [
        ("claude-code", "/home/you/project", "import", "2026-03-14T14:53:20.500Z")
    ]
    assert desk.rows("SELECT origin, prompt, response, status, tool_count FROM turns ORDER BY seq") == [
        ("human", "write a search", "I will write it.", "done", 1),
        ("procy", "make it faster", "", "interrupted", 0),
    ]
    assert desk.rows("SELECT prompt, chosen FROM corrections JOIN turns ON turns.id = turn_id") == [
        ("make it faster", "use an index")
    ]
    assert desk.rows("SELECT status, score, metrics FROM evaluations ORDER BY id") == [
        ("ok", -3.5, '{"latency": 3.5}'), ("crash", None, None),
    ]  # fmt: skip
    before = desk.everything()
    assert "1 session known already" in desk.told("seed", path)
    desk.rebuild()
    assert desk.everything() == before
    with sqlite3.connect(path) as seed:
        seed.execute("INSERT INTO turns VALUES (9, 's-1', 2, 'agent', 'Faster now.', 1773500050.0, NULL)")
    desk.told("seed", path)
    assert desk.rows("SELECT response, status FROM turns WHERE seq = 2") == [("Faster now.", "done")]
    with sqlite3.connect(path) as seed:
        seed.execute("UPDATE turns SET content = 'another prompt' WHERE id = 1")
    assert "1 session changed since they were imported" in desk.told("seed", path)


@pytest.mark.parametrize("seed_first", [True, False])
def test_a_conversation_of_the_first_procy_and_its_transcript_are_one_session(
    desk: Desk, tmp_path: Path, seed_first: bool
) -> None:
    """Which of both comes first: the transcript tells its turns, and what the first procy knew of them stays with them."""
    transcript = tmp_path / "c-1.jsonl"
    said = [
        ("user", "write a search", "2026-03-14T14:53:21.000Z"), ("assistant", "I will write it.", "2026-03-14T14:53:23.000Z"),
        ("user", "make it faster", "2026-03-14T14:53:30.100Z"), ("assistant", "Faster.", "2026-03-14T14:53:35.000Z"),
    ]  # fmt: skip
    transcript.write_text("".join(json.dumps(line_of(place, *one)) + "\n" for place, one in enumerate(said)))
    path = tmp_path / "traces.db"
    with sqlite3.connect(path) as seed:
        seed.executescript(SEED)
        seed.execute("UPDATE sessions SET agent_session_id = 'c-1'")
    steps = [("seed", path), ("claude", transcript)]
    for step in steps if seed_first else reversed(steps):
        desk.told(*step)
    assert len(desk.rows("SELECT 1 FROM sessions")) == 1
    turns = desk.rows("SELECT prompt, response, source, origin FROM turns ORDER BY started_at")
    assert [turn[:3] for turn in turns] == [
        ("write a search", "I will write it.", "transcript"), ("make it faster", "Faster.", "transcript"),
    ]  # fmt: skip
    assert desk.rows("SELECT prompt, chosen FROM corrections JOIN turns ON turns.id = turn_id") == [
        ("make it faster", "use an index")
    ]
    before = desk.everything()
    for step in steps:
        desk.told(*step)
    desk.rebuild()
    assert desk.everything() == before


def line_of(place: int, kind: str, text: str, at: str) -> dict[str, object]:
    """A line of Claude Code's."""
    own = {"content": text} if kind == "user" else {"content": [{"type": "text", "text": text}], "id": f"m{place}",
                                                    "model": "claude-opus-5-5", "stop_reason": "end_turn"}  # fmt: skip
    origin = {"origin": {"kind": "human"}, "promptId": f"p{place}"} if kind == "user" else {}
    return {"type": kind, "uuid": f"u{place}", "parentUuid": f"u{place - 1}" if place else None, "sessionId": "c-1",
            "timestamp": at, "cwd": "/home/you/project", "message": {"role": kind, **own}, **origin}  # fmt: skip


def test_a_cast_names_the_agent_that_had_the_terminal(desk: Desk, tmp_path: Path) -> None:
    path, out = tmp_path / "pane.raw", tmp_path / "pane.cast"
    path.write_bytes(b"hello\r\n")
    first = session_in(desk.told("raw", path, "--agent", "codex"))
    desk.run("export", "cast", first, "-o", out)
    second = session_in(desk.told("cast", out))
    assert second != first
    assert desk.rows("SELECT agent FROM sessions") == [("codex",), ("codex",)]
    third = session_in(desk.told("cast", out, "--agent", "qwen"))
    assert desk.rows("SELECT agent FROM sessions WHERE id LIKE '%' || ?", third) == [("qwen-code",)]
