"""Every command on a recorded shell, as a user types it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from procy.cli import COMMANDS, cli, common
from procy.cli.common import one_line, printable, table
from procy.cli.quick_status import visible
from tests.conftest import Lab, wait_until


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A session with two turns, ended, and one that is being recorded."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.start()
    first = lab.record("--name", "the first")
    lab.type("echo hello world")
    lab.type("printf '\\033[31mred\\033[0m\\n'; seq 1 50")
    lab.until_turns(2)
    lab.procy("record", "off", inside=True)
    lab.until_ended(first.session_id)
    lab.record()
    lab.type("echo second session")
    lab.until_turns(3)
    yield lab
    lab.stop()


def run(lab: Lab, *arguments: str, check: bool = True) -> str:
    return lab.procy(*arguments, check=check).stdout


def test_status(recorded: Lab) -> None:
    wait_until(lambda: "idle" in run(recorded, "status"))
    out = run(recorded, "status")
    assert recorded.pane in out and "Today: 3 turns" in out
    assert run(recorded, "status", "--line") == "1 idle\n"
    found = json.loads(run(recorded, "status", "--json"))
    assert found["today"]["turns"] == 3 and [one["state"] for one in found["sessions"]] == ["idle"]


def test_sessions(recorded: Lab) -> None:
    out = run(recorded, "sessions")
    assert "ended" in out and "the first" in out and out.count("generic") == 2
    rows = json.loads(run(recorded, "sessions", "--json"))
    assert [row["turns"] for row in rows] == [1, 2]
    assert len(json.loads(run(recorded, "sessions", "--live", "--json"))) == 1


def test_show_a_session_and_a_turn(recorded: Lab) -> None:
    out = run(recorded, "show", "the first")
    assert "echo hello world\nhello world" in out and "2 turns" in out
    assert "…" in out, "long answers are shortened"
    assert "\n50" in run(recorded, "show", "the first:2")
    assert json.loads(run(recorded, "show", "-2", "--json"))["turns"][0]["response"] == "hello world"
    assert json.loads(run(recorded, "show", "last:1", "--json"))["prompt"] == "echo second session"
    assert "second session" in run(recorded, "show", recorded.pane)


def test_corrected_twice_and_taken_back(recorded: Lab) -> None:
    """Each undo makes the correction before it count again."""

    def stands() -> str | None:
        return json.loads(run(recorded, "history", "the first", "--json"))[0]["chosen"]

    for text in ("echo hello, world", "echo hello to the world"):
        run(recorded, "correct", "the first:1", "--to", text)
    run(recorded, "correct", "the first:1", "--to", "echo hello world")  # as it was: nothing to keep
    assert stands() == "echo hello to the world"
    assert "deleted correction" in recorded.procy("correct", "the first:1", "--undo").stderr
    assert stands() == "echo hello, world" and "→ echo hello, world" in run(recorded, "history", "the first")
    run(recorded, "correct", "the first:1", "--undo")
    assert stands() is None
    done = recorded.procy("correct", "the first:1", "--undo", check=False)
    assert done.returncode == 1 and "no correction that counts" in done.stderr


def test_history_and_search(recorded: Lab) -> None:
    assert [line.split("  ")[-1] for line in run(recorded, "history").splitlines()][-1].endswith("echo second session")
    assert len(json.loads(run(recorded, "history", "the first", "--json"))) == 2
    assert "hello world" in run(recorded, "search", "hel*")
    assert run(recorded, "search", "nowhere") == ""
    assert [row["seq"] for row in json.loads(run(recorded, "search", "--json", "--session", "the first", "world"))] == [1]
    assert "red" in run(recorded, "search", "--terminal", "red")


def test_export_raw_is_byte_exact_and_cast_replays_to_the_same_screen(recorded: Lab) -> None:
    from procy.parse.screen import Screen

    raw = subprocess.run(
        [sys.executable, "-m", "procy", "export", "raw", "the first"], env=recorded.environment, capture_output=True
    ).stdout
    assert b"\x1b[31mred\x1b[0m" in raw
    header, *events = (json.loads(line) for line in run(recorded, "export", "cast", "the first").splitlines())
    assert header["version"] == 3
    assert next(event[2] for event in events if event[1] == "m") == "1: echo hello world"
    screens = []
    for text in ("".join(event[2] for event in events if event[1] == "o").encode(),):
        screen = Screen(header["term"]["cols"], header["term"]["rows"])
        screen.feed(text)
        screens.append(screen.lines())
    assert "50" in screens[0]
    assert "".join(event[2] for event in events[1:] if event[1] == "o").encode() == raw


def test_export_markdown(recorded: Lab, tmp_path: Path) -> None:
    path = tmp_path / "session.md"
    assert run(recorded, "export", "md", "the first", "--out", str(path)) == ""
    text = path.read_text()
    assert text.startswith("# the first\n") and "> echo hello world\n" in text and "hello world" in text
    assert not list(tmp_path.glob("*.part"))


def test_a_turn_is_shown_by_its_id_too(recorded: Lab) -> None:
    key = json.loads(run(recorded, "show", "last:1", "--json"))["id"]
    assert json.loads(run(recorded, "show", key, "--json"))["prompt"] == "echo second session"


def test_a_search_without_a_hit_says_so(recorded: Lab) -> None:
    assert "nothing found" in recorded.procy("search", "nowhere").stderr


@pytest.mark.parametrize("form", ["cast", "raw", "md", "html"])
def test_exports_are_their_owners_alone(recorded: Lab, tmp_path: Path, form: str) -> None:
    path = tmp_path / "out"
    done = recorded.procy("export", form, "the first", "--out", str(path))
    assert f"wrote {path} ({path.stat().st_size:,} bytes)" in done.stderr
    assert path.stat().st_mode & 0o077 == 0 and path.stat().st_size


def test_nothing_shown_acts_on_the_terminal() -> None:
    acting = "a\x1b]52;c;c2VjcmV0\x07b\x1b[2Jc\x1b]0;title\x1b\\d\x9b1me\r\x08f"
    assert printable(acting) == "abcd1mef"
    assert printable("two\nlines\tand 漢字 👍") == "two\nlines\tand 漢字 👍"
    assert visible("a\x1b[2J\nb 漢") == "a[2Jb 漢"


def test_rebuild_leaves_live_sessions_alone(recorded: Lab) -> None:
    done = recorded.procy("rebuild", "--all")
    assert "rebuilt 1 session, 2 turns; 1 being recorded left alone" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("show", "nobody"), 1, "no session 'nobody'. List them with: procy sessions"),
        (("show", "last:99"), 1, "no turn 'last:99'"),
        (("export", "cast", "nobody"), 1, "no session"),
        (("record", "--resume", "last"), 1, "is being recorded in pane"),
        (("record", "--", "no-such-agent-anywhere"), 1, "the command 'no-such-agent-anywhere' was not found"),
        (("record",), 1, "this is no tmux pane"),
        (("pause",), 1, "this is no tmux pane"),
        (("nonsense",), 2, "No such command"),
        (("show", "--nonsense"), 2, "No such option"),
        (("export", "cast", "last", "-o", "/nowhere/x"), 1, "/nowhere/x"),
        (("sessions", "--db", "/nowhere/x.db"), 1, "no database at /nowhere/x.db"),
        (("help", "nonsense"), 2, "no command 'nonsense'"),
    ],
)
def test_errors_are_one_line_that_says_what_to_do(recorded: Lab, arguments: tuple[str, ...], status: int, words: str) -> None:
    done = recorded.procy(*arguments, check=False)
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    if status == 1:
        assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_a_wrong_configuration_is_named(recorded: Lab) -> None:
    Path(recorded.places.config).write_text("agnet = 'x'\n")
    try:
        done = recorded.procy(check=False)
        assert done.returncode == 1 and "Did you mean agent?" in done.stderr
        assert "unknown setting agnet" in recorded.procy("doctor", check=False).stdout
    finally:
        Path(recorded.places.config).unlink()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    def told(*arguments: str) -> list[str]:
        result = CliRunner().invoke(cli, arguments, prog_name="procy")
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    lines = told(command, "--help")
    assert re.match(rf"Usage: procy {command} ", lines[0])
    assert len(lines) > 3
    assert told("help", command)[0] == lines[0]


def test_commands_that_show_no_screen_start_without_the_emulator() -> None:
    modules = ", ".join(f"procy.cli.{module}" for module in {*COMMANDS.values()})
    code = f"import sys, {modules}; sys.exit([name for name in ('pyghostty', 'httpx', 'datasette') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr == "[]\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(recorded: Lab, shell: str) -> None:
    assert "_PROCY_COMPLETE" in run(recorded, "completion", shell)


def test_completion_of_commands_and_handles(recorded: Lab) -> None:
    def complete(words: str) -> list[str]:
        environment = {
            **recorded.environment,
            "_PROCY_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        done = subprocess.run([sys.executable, "-m", "procy"], env=environment, capture_output=True, text=True)
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert {"record", "replay", "resume", "rebuild"} < set(complete("procy re"))
    assert "last" in complete("procy show la")
    assert [word for word in complete("procy show the") if word] == ["the first"]


def test_doctor_finds_everything_in_order(recorded: Lab) -> None:
    done = recorded.procy("doctor", check=False)
    assert "✓ tmux 3" in done.stdout
    assert "recording 1 pane; the sidecar runs" in done.stdout
    assert "database: 2 sessions, 3 turns" in done.stdout
    assert {one["level"] for one in json.loads(recorded.procy("doctor", "--json", check=False).stdout)} <= {"ok", "note"}
    assert done.returncode == 0


def test_doctor_makes_an_archive_without_contents_and_secrets(recorded: Lab) -> None:
    key = "sk-ant-" + "a1" * 20
    upstream = (
        f'[upstreams.mine]\nservice = "claude"\nbase_url = "http://127.0.0.1:9"\nkey = {{command = "pass show {key[7:20]}"}}\n'
    )
    Path(recorded.places.config).write_text(upstream)
    (Path(recorded.places.home) / "extra.log").write_text(f"x-api-key: {key}\n")
    archive = recorded.work / "help.tar.gz"
    try:
        run(recorded, "doctor", "--bundle", str(archive), check=False)
    finally:
        Path(recorded.places.config).unlink()
    with tarfile.open(archive) as found:
        files = {name.partition("/")[2]: found.extractfile(name).read().decode() for name in found.getnames()}  # type: ignore[union-attr]
    assert archive.stat().st_mode & 0o777 == 0o600
    assert {"README.txt", "findings.json", "logs/sidecar.log", "logs/extra.log"} <= set(files)
    assert json.loads(files["database.json"])["rows"]["turns"] == 3
    assert json.loads(files["settings.json"])["upstreams"]["mine"]["key"] == {"command": "[left out]"}
    whole = "\n".join(files.values())
    for private in (key, key[7:20], "hello world", "second session", recorded.places.home):
        assert private not in whole
    assert "is there already" in recorded.procy("doctor", "--bundle", str(archive), check=False).stderr


def test_status_without_anything(tmp_path: Path) -> None:
    lab = Lab(tmp_path, database=False)
    assert "Nothing is recorded now" in run(lab, "status")
    assert run(lab, "status", "--line") == "\n"
    assert "no database" in lab.procy("sessions", check=False).stderr


def test_status_of_a_damaged_database_says_what_to_do(lab: Lab) -> None:
    Path(lab.places.db).write_text("this is no database, although it has the length of one's header " * 4)
    done = lab.procy("status", check=False)
    assert done.returncode == 1 and "is damaged" in done.stderr and "Traceback" not in done.stderr


def test_a_table_is_cut_where_the_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"#": "1", "prompt": "Count what is asked for " * 2, "why": "kept: better than the start"},
            {"#": "2", "prompt": "漢字を数える" * 4, "why": "reverted"}]  # fmt: skip
    table(rows, ("#", "prompt", "why"), ("prompt", "why"))
    wide = capsys.readouterr().out.splitlines()
    assert [len(line) for line in wide[1:2]] == [1 + 2 + 48 + 2 + 27], "where nobody looks nothing is cut"
    monkeypatch.setattr(common, "terminal_columns", lambda: 60)
    table(rows, ("#", "prompt", "why"), ("prompt", "why"))
    assert capsys.readouterr().out.splitlines() == [
        "#  prompt                        why",
        "1  Count what is asked for Cou…  kept: better than the start",
        "2  漢字を数える漢字を数える漢…   reverted",
    ]
    monkeypatch.setattr(common, "terminal_columns", lambda: 40)
    table(rows, ("#", "prompt", "why"), ("prompt", "why"))
    assert capsys.readouterr().out.splitlines()[1] == "1  Count what is a…  kept: better than …"


def test_a_line_is_cut_by_its_columns() -> None:
    assert (one_line("漢字漢字", 8), one_line("漢字漢字", 7), one_line("one\ntwo", 9)) == ("漢字漢字", "漢字漢…", "one…")


def test_help_of_a_command_within_a_command(recorded: Lab) -> None:
    assert run(recorded, "help", "evolve", "run") == run(recorded, "evolve", "run", "--help")
    assert "no command 'evolve nothing'" in recorded.procy("help", "evolve", "nothing", check=False).stderr
