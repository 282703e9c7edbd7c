"""Streams in the database: the sessions, turns, calls and usage that any recording has, live and derived again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from procy.capture import lines as capture_lines
from procy.capture.lines import LineSpool, StreamMeta, line_spools
from procy.parse.streams.dialects import Stream
from procy.parse.streams.odd import oddities
from procy.parse.streams.stamp import head, read_stamped
from procy.parse.transcripts.stream import Reader
from procy.stream.record import Recorder
from tests.conftest import Lab, wait_until
from tests.stream.conftest import Start, message, texts

# -- through the whole program ----------------------------------------------------------------------------------------


def test_a_stream_is_recorded_live_and_derived_again(stream: Start, lab: Lab) -> None:  # D21
    running = stream("claude", "--name", "work")
    running.send(message("one"))
    running.until("result")
    lab.until_turns(1)
    row = lab.rows("SELECT * FROM sessions")[0]
    assert (row["origin"], row["agent"], row["status"], row["state"], row["name"]) == (
        "stream", "claude-code", "recording", "idle", "work",
    )  # fmt: skip
    running.end(message("sk-ant-api03-" + "a" * 95 + "AA"))
    assert lab.until_ended(str(row["id"])) == "ended"
    before = lab.until_turns(2)
    assert next((turn["source"], turn["response"]) for turn in before) == ("stream", "answer to one")
    assert (before[0]["input_tokens"], before[0]["output_tokens"], before[0]["model"]) == (10, 2, "stub")
    assert "sk-ant" not in str(before[1]["prompt"]), "derived rows are masked"
    lab.procy("rebuild", "last")
    assert lab.turns() == before
    assert lab.rows("SELECT cost_usd FROM sessions") == [{"cost_usd": 0.5}]
    wait_until(lambda: not line_spools(lab.places.spool), what="the spool to be cleared")
    assert "answer to one" in lab.procy("stream", "tail", "work").stdout
    assert "## one" in lab.procy("stream", "tail", "work").stdout


def test_a_program_that_is_killed_leaves_a_lost_session_with_all_it_had(stream: Start, lab: Lab) -> None:
    running = stream("claude")
    running.send(message("one"))
    lab.until_turns(1)
    running.process.send_signal(signal.SIGKILL)
    session = str(wait_until(lambda: lab.rows("SELECT id FROM sessions"))[0]["id"])  # type: ignore[index]
    assert lab.until_ended(session) == "lost"
    assert [turn["response"] for turn in lab.until_turns(1)] == ["answer to one"]


def test_events_in_one_form(stream: Start) -> None:
    out, _, _ = stream("claude", "--normalize").end(message("one"))
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events if event["event"] != "session"] == ["begin", "taken", "text", "end"]
    assert events[-1]["usage"] == {"input": 10, "output": 2} and events[-1]["status"] == "done"


def test_the_old_names_are_put_where_lproc_looks(lab: Lab, stream: Start) -> None:  # S1
    folder = lab.root / "proxies"
    folder.mkdir()
    (folder / "claudix3.py").write_text("theirs")
    lab.procy("stream", "install-proxies", str(folder))
    assert sorted(path.name for path in folder.glob("*.py")) == ["claudix2.py", "claudix3.py", "claudix4.py", "codexx4.py"]
    assert (folder / "claudix3.py.before-procy").read_text() == "theirs"
    assert all(os.access(path, os.X_OK) for path in folder.glob("*.py"))


# -- the spool --------------------------------------------------------------------------------------------------------


def make_spool(root: Path) -> LineSpool:
    spool = LineSpool(root / "S")
    spool.create(StreamMeta(session_id="S", agent="a", command=("x",), cwd="/", started_ns=1, pid=1))
    return spool


def read_all(spool: LineSpool) -> list[bytes]:
    found, offset = [], 0
    while (read := spool.read(offset)).lines:
        found += [line for _, line in read.lines]
        offset = read.next_offset
    return found


def test_what_was_written_is_read_over_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_lines, "SEGMENT", 100)
    spool = make_spool(tmp_path)
    recorder = Recorder(spool, lambda: 7, pytest.fail)
    for number in range(20):
        recorder.chunk("<", b"line %d\npart" % number)
        recorder.chunk("<", b" two\n")
        recorder.chunk(">", b"sent %d\n" % number)
    recorder.chunk("!", b"half")
    recorder.end("!")
    recorder.close()
    lines = [read_stamped(line) for line in read_all(spool)]
    assert len(spool.segments()) > 3 and all(lines)
    said = [one.line for one in lines if one and one.side == "<"]
    assert said == [line for number in range(20) for line in (b"line %d" % number, b"part two")]
    assert lines[-1] and (lines[-1].line, lines[-1].whole) == (b"half", False)
    spool.prune(spool.segments()[2])
    assert spool.segments()[0] > 0 and len(read_all(spool)) == 0, "what is in the database is gone"


def test_a_full_disk_is_counted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[str] = []
    recorder = Recorder(spool := make_spool(tmp_path), lambda: 7, complaints.append)
    recorder.chunk("<", b"one\n")
    with monkeypatch.context() as full:
        full.setattr(os, "writev", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        recorder.chunk("<", b"two\n")
        recorder.chunk("<", b"three\n")
    recorder.chunk("<", b"four\n")
    recorder.close()
    lines = [one for line in read_all(spool) if (one := read_stamped(line))]
    assert [one.line for one in lines if one.side == "<"] == [b"one", b"four"]
    assert json.loads(next(one.line for one in lines if one.side == "#"))["bytes"] == recorder.missed_ever > 0
    assert len(complaints) == 1 and "unrecorded" in complaints[0]


def test_a_line_that_is_too_long_is_left_out_and_the_rest_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procy.stream.record.LONGEST", 10)
    recorder = Recorder(spool := make_spool(tmp_path), lambda: 7, pytest.fail)
    for data in (b"a\n12345678", b"9abc", b"def\nb\n"):
        recorder.chunk("<", data)
    recorder.close()
    lines = [one for line in read_all(spool) if (one := read_stamped(line))]
    assert [one.line for one in lines if one.side == "<"] == [b"a", b"b"]
    assert json.loads(lines[1].line) == {"note": "left out", "side": "<", "bytes": 16}


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        (b'{"a":1}', ()), (b"", ()), (b"{bad", ("not JSON",)), (b"[1]", ("not an object",)), (b'{"a":"\xff"}', ("not UTF-8",)),
        (b'\xef\xbb\xbf{"a":1}', ("byte order mark",)), (b'{"a":1}\r', ("CRLF",)), (b'{"a":\r1}', ("lone CR",)),
        (b'{"a":\x001}', ("NUL", "not JSON")), (b"[" * 200_000, ("not JSON",)),
    ],
)  # fmt: skip
def test_odd_lines_are_named(line: bytes, flags: tuple[str, ...]) -> None:
    assert oddities(line) == flags


# -- the reader -------------------------------------------------------------------------------------------------------


def fed(*lines: tuple[str, dict[str, object] | str]) -> list[tuple[str, str, str]]:
    """Prompt, response and status of the turns of such lines, one a second."""
    reader = Reader("S")
    for second, (side, record) in enumerate(lines, 1):
        body = record if isinstance(record, str) else json.dumps(record)
        reader.feed(head(second * 10**9, side, 1) + body.encode())
    return [(turn.prompt, turn.response, turn.status) for turn in reader.changed()]


def user(text: str, **more: object) -> dict[str, object]:
    return {"type": "user", "message": {"role": "user", "content": text}, **more}


INIT = {"type": "system", "subtype": "init", "session_id": "c", "model": "m"}
RESULT = {"type": "result", "subtype": "success"}


def text(words: str) -> dict[str, object]:
    return {"type": "assistant", "message": {"content": [{"type": "text", "text": words}]}}


def test_messages_that_share_a_turn_share_its_answer() -> None:  # D1
    turns = fed((">", user("a")), ("<", INIT), (">", user("b")), (">", user("c")), ("<", text("A")), ("<", RESULT),
                ("<", INIT), ("<", text("B and C")), ("<", RESULT))  # fmt: skip
    assert turns == [("a", "A", "done"), ("b", "", "done"), ("c", "B and C", "done")]


def test_messages_that_are_named_when_they_are_taken_in_have_their_own_turns() -> None:
    def echo(key: str) -> tuple[str, dict[str, object]]:
        return "<", user(key, uuid=key, isReplay=True)

    sent = [(">", user(key, uuid=key)) for key in "abc"]
    whole = [("<", INIT), echo("a"), ("<", text("A")), ("<", RESULT), ("<", INIT), echo("b"), ("<", text("B")), echo("c"),
             ("<", text("C")), ("<", RESULT)]  # fmt: skip
    assert fed(*sent, *whole) == [("a", "A", "done"), ("b", "B", "done"), ("c", "C", "done")]
    ones = [line for key in "abc" for line in (("<", INIT | {"one_message": True}), ("<", text(key.upper())), ("<", RESULT))]
    assert fed(*sent, *ones) == [("a", "A", "done"), ("b", "B", "done"), ("c", "C", "done")]


def test_a_turn_that_was_cut_off_is_interrupted_and_a_failed_one_an_error() -> None:
    cut = {"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": "[Request interrupted by user]"}]}}
    failed = {"type": "result", "subtype": "success", "is_error": True, "result": "API Error: 500"}
    assert (
        fed((">", user("a")), ("<", INIT), ("<", cut), ("<", RESULT | {"subtype": "error_during_execution"}))[0][2]
        == "interrupted"
    )
    assert fed((">", user("a")), ("<", INIT), ("<", failed))[0][2] == "error"
    assert fed((">", user("a")), ("<", INIT), ("#", {"note": "exit"}))[0][2] == "interrupted"


def test_codex_exec_has_its_prompt_from_standard_input_or_its_arguments() -> None:
    lines: list[tuple[str, dict[str, object] | str]] = [
        ("<", {"type": "thread.started", "thread_id": "T"}), ("<", {"type": "turn.started"}),
        ("<", {"type": "item.completed", "item": {"id": "1", "type": "agent_message", "text": "I will look."}}),
        ("<", {"type": "item.started", "item": {"id": "2", "type": "command_execution", "command": "ls"}}),
        ("<", {"type": "item.completed", "item": {"id": "2", "type": "command_execution", "command": "ls",
               "aggregated_output": "a", "status": "completed"}}),
        ("<", {"type": "turn.completed", "usage": {"input_tokens": 10, "cached_input_tokens": 2, "output_tokens": 3}}),
    ]  # fmt: skip
    assert fed((">", "list it"), *lines) == [("list it", "I will look.", "done")]
    start = ("#", {"note": "start", "argv": ["codex", "exec", "--json", "list it"]})
    assert fed(start, *lines) == [("list it", "I will look.", "done")]


def test_gemini_speaks_in_pieces() -> None:
    turns = fed(
        ("<", {"type": "init", "session_id": "g", "model": "m"}), ("<", {"type": "message", "role": "user", "content": "hi"}),
        ("<", {"type": "message", "role": "assistant", "content": "Hel", "delta": True}),
        ("<", {"type": "message", "role": "assistant", "content": "lo", "delta": True}),
        ("<", {"type": "result", "status": "success", "stats": {"input_tokens": 5, "output_tokens": 1}}),
    )  # fmt: skip
    assert [turn for turn in turns if turn[0]] == [("hi", "Hello", "done")]


def test_a_line_of_any_shape_breaks_nothing() -> None:
    for record in ({"type": "assistant", "message": 5}, {"type": "user", "message": [1]}, {"type": "system", "subtype": {}},
                   {"method": 7}, {"type": "result", "usage": "x"}, {"type": ["a"]}):  # fmt: skip
        stream = Stream()
        stream.sent(record)
        stream.said(record)
        Stream().said(RESULT)
    assert texts(b"") == []
