"""The user's own rules: in force everywhere, fail closed, and for what was stored before."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from procy.cli import main
from procy.errors import ConfigError
from procy.gateway.import_clp import take_filters
from procy.gateway.masking import masked as masked_body
from procy.gateway.masking import shown_headers
from procy.parse.redact import mask, mask_json, star
from procy.parse.rules import WITHHELD, problem
from procy.places import Places
from procy.recording.rebuild import rebuild
from procy.settings import Settings, load_settings
from procy.settings.redact import look_again
from procy.store import exchanges, redactable, turn_sources, write
from procy.store.blobs import pack, pack_block, unpack
from procy.store.db import iso, open_writer
from procy.types import FileChange, PaneEvent, Picture, Read, ToolCall, Turn
from tests.conftest import empty_database

SECRET = 'swordfish "é" 77'  # with what JSON writes in its own way
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
NOW = 1_795_000_000_000_000_000
Set = Callable[[str], None]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(empty_database(), home / "procy.db")
    found = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(tmp_path / "config.toml"))
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    look_again()
    yield found
    look_again()


@pytest.fixture
def rules(places: Places) -> Set:
    def put(text: str) -> None:
        Path(places.config).write_text(text, encoding="utf-8")
        look_again()

    return put


def literal() -> str:
    return f"[redact]\nrules = [{{find = '{SECRET}', name = 'fish'}}]\n"


def test_rules_find_literals_and_patterns_wherever_they_stand(rules: Set) -> None:
    rules('[redact]\nrules = [{find = "a.b(c"}, {find = "user-[0-9]+", regex = true, name = "user"},'
          '{find = "(?P<kept>pin )\\\\d{4}", regex = true}]')  # fmt: skip
    assert mask("x a.b(c y axb(c user-12 pin 1234") == "x [redacted:rule-1] y axb(c [redacted:user] pin [redacted:rule-3]"
    assert mask(mask("user-1 a.b(c")) == mask("user-1 a.b(c")
    assert "".join(star(["typed us", "er\x1b[1m-7\x1b[0m7 end"])) == "typed **" + "**\x1b[1m**\x1b[0m* end"


def test_a_mark_is_not_redacted_again(rules: Set) -> None:
    rules('[redact]\nrules = [{find = "[a-z]{4,}", regex = true}]')
    assert mask("word") == "[redacted:rule-1]" and mask("[redacted:rule-1] [redacted:jwt]") == "[redacted:rule-1] [redacted:jwt]"


def test_json_stays_json(rules: Set) -> None:
    rules(literal())
    for text in (json.dumps({"a": [SECRET, 5]}), json.dumps({"a": json.dumps([SECRET])}, ensure_ascii=False)):
        for found in (mask_json(text), mask(text)):
            assert "swordfish" not in found and "fish" in str(json.loads(found)["a"])
    line = '{"k": "API_TOKEN=abcdefgh\\"", "n": 1.50, "s":  "\\u0041"}'
    assert json.loads(mask_json(line)) == {"k": 'API_TOKEN=[redacted:assignment]"', "n": 1.5, "s": "A"}
    assert '"n": 1.50, "s":  "\\u0041"' in mask_json(line)
    rules('[redact]\nrules = [{find = "4711"}]')
    assert json.loads(mask_json('{"n": 4711}')) == {"n": "[redacted:rule-1]"}


BROKEN = (
    '[redact]\nrules = [{find = "("  , regex = true}]', '[redact]\nrules = [{find = "x*", regex = true}]',
    '[redact]\nrules = [{find = "ab"}]', '[redact]\nrules = [{fnid = "abc"}]', '[redact]\nrules = [{find = 5}]', "[redact\n",
)  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_while_a_rule_is_broken_nothing_is_let_through(rules: Set, places: Places, text: str) -> None:
    rules(text)
    assert problem()
    assert mask("anything") == WITHHELD and mask("") == "" and mask_json('{"a": "anything"}') == WITHHELD
    assert masked_body(b'{"a": "anything"}') == WITHHELD.encode() and b"anything" not in shown_headers((("x-a", "anything"),))
    with pytest.raises(ConfigError):
        list(star(["anything"]))
    db = open_writer(places.db)
    session(db)
    put_turn(db, SECRET)
    with pytest.raises(ConfigError):
        rebuild(db, "S1", Settings())
    assert db.execute("SELECT count(*) FROM turns").fetchone()[0] == 1
    db.close()
    rules("")
    assert mask("anything") == "anything" and problem() == ""


def test_commands_refuse_and_doctor_says_why(rules: Set, places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    db = open_writer(places.db)
    session(db)
    db.close()
    rules(BROKEN[0])
    for command in (["export", "md", "last"], ["redact", "--since", "1d"], ["rebuild", "last"]):
        assert main(command) == 1
        assert "redaction rule 1 is broken" in capsys.readouterr().err
    main(["doctor"])
    assert "redaction rule 1 is broken" in capsys.readouterr().out


def test_what_changes_in_the_file_is_in_force_at_once(rules: Set) -> None:
    assert mask("hush") == "hush"
    rules('[redact]\nrules = [{find = "hush"}]')
    assert mask("hush") == "[redacted:rule-1]"


def test_filters_of_the_gateway_become_rules_and_comments_stay(rules: Set, places: Places) -> None:
    filters = '{find = "one"}, {find = "t.o", regex = true, replace = "x"}, {find = "t.o", regex = true}'
    rules(f'# mine\n[redact]\nrules = [\n  {{find = "one", name = "first"}},  # the first\n]\n[gateway]\nfilters = [{filters}]\n')
    assert take_filters(places) == 1
    text = Path(places.config).read_text()
    assert "# mine" in text and "# the first" in text
    assert [(one.find, one.regex) for one in load_settings(places).redact.rules] == [("one", False), ("t.o", True)]
    assert take_filters(places) == 0 and Path(places.config).read_text() == text


# -- what was stored before ---------------------------------------------------------------------------------------------


def session(db: sqlite3.Connection, key: str = "S1", text: str = "") -> None:
    values = {"agent": "claude", "started_at": iso(NOW), "ended_at": iso(NOW), "status": "ended"}
    values |= {name: f"{name} {text}" for name in ("name", "command", "cwd", "repo", "branch", "state_reason")}
    write.put_session(db, key, values)


def put_turn(db: sqlite3.Connection, text: str, key: str = "S1", start: int = 0) -> str:
    call = ToolCall(key="c", name=f"N {text}", input=json.dumps({"a": text}), result=f"r {text}", status="ok")
    turn = Turn(
        key=f"{key}{start}", prompt=f"p {text}", response=f"a {text}", reasoning=f"t {text}", error=f"e {text}", status="done",
        source="transcript", started_ns=NOW + start, ended_ns=NOW + start + 1, tool_calls=(call,),
        files=(FileChange(path=f"/f {text}", change="added", diff=f"+{text}\n"),),
    )  # fmt: skip
    with write.transaction(db):
        write.put_turn(db, key, turn, str, None)
    return turn_sources.natural_id(key, turn)


def fill(db: sqlite3.Connection, text: str, key: str = "S1") -> str:
    """A session with the text in every table that may have it."""
    session(db, key, text)
    turn = put_turn(db, text, key)
    raw = text.encode()
    with write.transaction(db):
        reads = [Read(NOW, 0, 80, 24, b"before " + raw[:6]), Read(NOW, 13, 80, 24, raw[6:] + b"\r\nbehind")]
        write.add_block(db, key, pack_block(reads, Picture(80, 24, b"\x1b[H" + raw)))
        insert(db, "keyframes", session_id=key, offset=0, columns=80, rows=24, screen=pack(b"\x1b[H" + raw))
        write.add_pane_event(db, key, PaneEvent(NOW, 0, "attach", {"x": text, "columns": 80, "rows": 24}, Picture(80, 24, raw)))
        write.add_hook_event(db, key, NOW, "Stop", json.dumps({"x": text}))
        write.add_terminal_text(db, key, 0, f"line {text}", str)
        write.put_transcript(db, key, "claude", f"conversation {key}", "/t.jsonl", 0)
        name = write.transcript_id("claude", f"conversation {key}", "/t.jsonl")
        write.add_transcript_lines(db, name, [(0, json.dumps({"x": text}).encode()), (90, b"\xff " + raw)], 99)
        write.add_transcript_file(db, name, f"/file {key}", raw)
        insert(db, "injections", id=f"I{key}", session_id=key, at=iso(NOW), text=text, key="k", status="delivered", turn_id=turn)
        words = {"rejected": text, "chosen": text, "note": text}
        insert(db, "corrections", id=f"C{key}", turn_id=turn, **words, created_at=iso(NOW))
        insert(db, "tags", what="turn", target_id=turn, tag=text, session_id=key, created_at=iso(NOW))
        insert(db, "exports", id=f"X{key}", session_id=key, kind="md", path=text, created_at=iso(NOW), sha256="")
        insert(db, "git_files", turn_id=turn, path=f"/g {text}", change="added", diff=text)
        insert(
            db, "turn_snapshots", turn_id=turn, moment="after", session_id=key, root="/r", git_dir="/gone/.git", tree="t",
            ref=f"refs/procy/turns/{key}", at=iso(NOW), late_ms=0, took_ms=0, left_out=json.dumps({"big": [text]}), reason=text,
        )  # fmt: skip
        words = {"goal": text, "options": text, "reason": text}
        plain = {"strategy": "s", "proposer": "p", "budget": "{}", "root": "/r", "base_sha": "b", "status": "done"}
        insert(db, "runs", id=f"R{key}", session_id=key, **words, **plain, started_at=iso(NOW))
        words = dict.fromkeys(("prompt", "proposed", "response", "reason", "notes", "metrics"), text)
        insert(db, "tries", id=f"T{key}", run_id=f"R{key}", seq=0, step="done", **words, started_at=iso(NOW))
        if key == "S1":
            plain = {"name": "e", "root": "/r", "definition": "{}", "files": "{}", "sha256": ""}
            insert(db, "evaluators", id="E", **plain, created_at=iso(NOW))
        words = dict.fromkeys(("reason", "metrics", "instances", "feedback", "artifacts", "output"), text)
        plain = {"commit_sha": "c", "stage": "full", "status": "ok"}
        insert(db, "evaluations", id=f"V{key}", evaluator_id="E", turn_id=turn, **words, **plain, started_at=iso(NOW))
        words = dict.fromkeys(("path", "client", "error", "attempts", "changes", "usage"), text)
        insert(db, "exchanges", id=f"G{key}", service="claude", method="POST", started_at=iso(NOW), session_id=key, **words)
        exchanges.Parts().put(db, f"G{key}", "request", [b'{"messages": [', json.dumps({"x": text}).encode(), b"]}"])
    return turn


def fill_elsewhere(db: sqlite3.Connection, text: str) -> None:
    now = iso(NOW)
    with write.transaction(db):
        insert(db, "datasets", id="D", method="sft", path=text, rows=1, sha256="", manifest=text, created_at=now)
        plain = {"method": "sft", "model": "m", "place": "local", "arguments": "{}", "folder": "/f", "status": "done"}
        insert(db, "trainings", id="N", **plain, progress=text, error=text, started_at=now)
        insert(db, "training_steps", training_id="N", seq=1, at=now, line=text)
        plain = {"name": "n", "base": "b", "engine": "vllm", "place": "local", "url": "u", "status": "stopped", "server": "{}"}
        insert(db, "servings", id="W", **plain, arguments="{}", canary=text, reason=text, started_at=now)
        plain = {"adapter": "a", "against": "base", "kind": "pairs", "verdict": "open"}
        insert(db, "comparisons", id="P", **plain, result=text, created_at=now)
        insert(db, "filters", name="f", query=text, created_at=now)


def insert(db: sqlite3.Connection, table: str, **values: object) -> None:
    db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))


def rows_of(db: sqlite3.Connection, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in db.execute(sql)]


OTHERS = (
    "SELECT * FROM turns WHERE session_id = 'S2'", "SELECT * FROM terminal_blocks WHERE session_id = 'S2'",
    "SELECT * FROM pane_events WHERE session_id = 'S2'", "SELECT * FROM keyframes WHERE session_id = 'S2'",
    "SELECT * FROM tool_calls WHERE turn_id IN (SELECT id FROM turns WHERE session_id = 'S2')",
    "SELECT * FROM corrections WHERE id = 'CS2'", "SELECT count(*) FROM turns", "SELECT count(*) FROM transcript_lines",
    "SELECT * FROM activity ORDER BY 1, 2", "SELECT id, session_id, seq, started_at FROM turns ORDER BY id",
)  # fmt: skip


def test_a_secret_in_every_table_is_nowhere_afterwards(rules: Set, places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    db = open_writer(places.db)
    turn = fill(db, SECRET)
    fill(db, "quite harmless", "S2")
    fill_elsewhere(db, SECRET)
    before = [rows_of(db, sql) for sql in OTHERS]
    rules(literal())
    assert main(["redact", "--since", "2020-01-01", "--dry-run"]) == 0
    assert db.execute("SELECT prompt FROM turns WHERE id = ?", (turn,)).fetchone()[0] == f"p {SECRET}"
    told = capsys.readouterr().err
    assert main(["redact", "--since", "2020-01-01"]) == 0
    assert capsys.readouterr().err.replace("redacted", "would redact") == told
    tables = {one.table for one in (*redactable.SESSION, *redactable.ELSEWHERE)} | {
        "terminal_blocks", "keyframes", "terminal_texts", "transcript_files", "exchange_parts",
    }  # fmt: skip
    assert [table for table in sorted(tables) if f" {table}" not in told] == []
    for (table,) in rows_of(db, TABLES):
        assert "swordfish" not in everything(db, str(table)), table
    assert [rows_of(db, sql) for sql in OTHERS] == before
    assert rows_of(db, "SELECT count(*) FROM turns_fts WHERE turns_fts MATCH 'swordfish'") == [(0,)]
    assert rows_of(db, "SELECT count(*) FROM terminal_fts WHERE terminal_fts MATCH 'swordfish'") == [(0,)]
    assert rows_of(db, "SELECT count(*) FROM turns_fts WHERE turns_fts MATCH 'fish'")[0][0] == 1
    assert rows_of(db, "SELECT ref FROM turn_snapshots ORDER BY session_id")[0] == (None,)
    assert exchanges.read_body(db, "GS1", "request") == b'{"messages": [{"x": "[redacted:fish]"}]}'
    db.close()
    for path in Path(places.home).glob("procy.db*"):
        assert b"swordfish" not in path.read_bytes(), path
    assert main(["redact", "--since", "2020-01-01"]) == 0
    assert "nothing to redact" in capsys.readouterr().err


def everything(db: sqlite3.Connection, table: str) -> str:
    """Of a table, what is packed unpacked."""
    found = []
    for row in db.execute(f"SELECT * FROM {table}"):
        for value in row:
            if isinstance(value, bytes) and value[:4] == b"\x28\xb5\x2f\xfd":
                value = unpack(value)
            found.append(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
    return "\n".join(found)


def test_every_table_is_gone_through_or_left_for_a_reason(places: Places) -> None:
    """A table that comes later must be put into ``store.redactable``, on one side or the other."""
    db = open_writer(places.db)
    tables = {str(row[0]) for row in rows_of(db, TABLES) if "_fts" not in str(row[0])}
    packed = {"terminal_blocks", "keyframes", "terminal_texts", "transcript_files", "exchange_parts", "exchange_bodies"}
    known = {one.table for one in (*redactable.SESSION, *redactable.ELSEWHERE)} | packed | set(redactable.LEFT)
    assert tables - known - {"sqlite_sequence", "_sqlite_migrations"} == {
        "activity", "tool_activity", "transcript_sessions", "dataset_sessions", "exchange_sweeps", "redacting",
    }  # fmt: skip
    db.close()


def test_a_correction_is_still_never_overwritten(places: Places) -> None:
    db = open_writer(places.db)
    fill(db, "text")
    with pytest.raises(sqlite3.IntegrityError, match="never overwritten"):
        db.execute("UPDATE corrections SET chosen = 'other'")
    db.close()


def test_only_what_is_asked_for(rules: Set, places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    db = open_writer(places.db)
    fill(db, SECRET)
    fill(db, SECRET, "S2")
    rules(literal())
    assert main(["redact", "--session", "S1"]) == 0
    assert [SECRET in str(row[0]) for row in rows_of(db, "SELECT prompt FROM turns ORDER BY session_id")] == [False, True]
    assert main(["redact", "--since", "1d"]) == 0
    assert SECRET in str(rows_of(db, "SELECT prompt FROM turns WHERE session_id = 'S2'")) or time.time_ns() < NOW
    db.execute("UPDATE sessions SET status = 'recording' WHERE id = 'S2'")
    assert main(["redact", "--session", "S2"]) == 1
    assert main(["redact"]) == 2
    assert main(["redact", "--since", "soon"]) == 2
    db.close()
