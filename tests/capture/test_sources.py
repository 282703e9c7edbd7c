"""Transcripts, hook files, tmux's panes and pictures, processes: what the sidecar reads besides the spool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from importlib import resources
from pathlib import Path

import pytest

from procy.capture import attach, hooks, process
from procy.capture.spool import Cursor, Spool
from procy.capture.tmux import Tmux, parse_pane, unexpanded
from procy.capture.transcript import read_lines
from procy.parse.screen import Screen
from procy.types import Picture
from tests.conftest import Lab, wait_until


def test_only_whole_lines_are_read_and_only_newlines_end_them(tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"
    path.write_bytes(b'{"a": "one\xe2\x80\xa8two\x85"}\r\n\n{"half')
    first = read_lines(path, 0)
    assert first.lines == [(0, b'{"a": "one\xe2\x80\xa8two\x85"}\r'), (21, b"")]
    with path.open("ab") as file:
        file.write(b'": 1}\n')
    second = read_lines(path, first.next_offset)
    assert second.lines == [(22, b'{"half": 1}')]
    assert read_lines(path, second.next_offset).lines == []


def test_a_line_longer_than_a_read_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "long"
    line = b"x" * (9 << 20)
    path.write_bytes(line + b"\nnext\n")
    assert [text for _, text in read_lines(path, 0).lines] == [line, b"next"]


def test_missing_and_rewritten_files(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    assert read_lines(path, 7) == ([], 7)
    path.write_bytes(b"new\n")
    assert read_lines(path, 700).lines == [(0, b"new")]


HOOK = resources.files("procy.capture") / "hook.sh"


def test_hook_spools_standard_input_whole(tmp_path: Path) -> None:
    for number in range(5):
        done = subprocess.run(
            ["/bin/sh", str(HOOK), str(tmp_path)], input=json.dumps({"n": number}), text=True, capture_output=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(json.loads(file.payload)["n"] for file in hooks.waiting(tmp_path)) == [0, 1, 2, 3, 4]
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".json"]


def test_hook_with_a_last_argument_runs_the_users_program_after_it(tmp_path: Path) -> None:
    spool, theirs = tmp_path / "spool", tmp_path / "theirs"
    spool.mkdir()
    program = tmp_path / "it's mine"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > "{theirs}"\nexit 3\n')
    program.chmod(0o755)
    done = subprocess.run(["/bin/sh", str(HOOK), str(spool), str(program), "option", '{"type": "done"}'])
    assert done.returncode == 3
    assert theirs.read_text() == 'option|{"type": "done"}|'
    assert [file.payload for file in hooks.waiting(spool)] == ['{"type": "done"}']


def test_hook_without_its_folder_is_silent(tmp_path: Path) -> None:
    done = subprocess.run(["/bin/sh", str(HOOK), str(tmp_path / "gone")], input="{}", text=True, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_panes_with_hostile_titles_are_read_right(lab: Lab) -> None:
    lab.start("sh", "-c", r"printf '\033]2;tab\there; touch %s #{pane_id} $(id)\033\\' owned; sleep 100")
    wait_until(lambda: "owned" in lab.option("pane_title"))
    (pane,) = Tmux(lab.socket).panes()
    assert (pane.pane_id, pane.columns, pane.rows, pane.dead) == (lab.pane, 100, 30, False)
    assert not (lab.work / "owned").exists()


def test_a_line_that_is_no_pane_is_none() -> None:
    assert parse_pane("") is None
    assert parse_pane("%1\t2") is None


def test_text_is_protected_from_tmux_expansion(lab: Lab) -> None:
    """A data directory with every character that tmux or sh would interpret."""
    strange = lab.root / "a #{pane_id} %H #S 'q' \"d\" $HOME `id` é"
    strange.mkdir()
    lab.environment["PROCY_HOME"] = str(strange / "home")
    lab.start()
    lab.procy("record", inside=True)
    folder = wait_until(lambda: list((strange / "home" / "spool").glob("*/meta.json")))[0].parent  # type: ignore[index]
    lab.type("echo arrived''here")
    wait_until(lambda: b"arrivedhere" in b"".join(data for _, data, _ in Spool(folder).records(Cursor())))
    lab.procy("record", "off", inside=True)
    assert unexpanded("#{x} 100%") == "##{x} 100%%"


def test_picture_paints_what_the_pane_shows(lab: Lab) -> None:
    lab.start(
        "sh", "-c", r"printf '\033[31mred\033[0m 漢字\r\n\033[44m blank tail   \033[0m\033[4;7H'; sleep 100", columns=50, rows=8
    )
    lab.wait_for("blank tail")
    picture = Tmux(lab.socket).picture(lab.pane)
    screen = Screen(picture.columns, picture.rows)
    screen.feed(picture.escapes)
    assert [line.rstrip() for line in screen.lines()][:2] == ["red 漢字", " blank tail"]
    assert screen.cursor == (6, 3)


def test_attach_is_without_a_gap(lab: Lab) -> None:
    """Counting output: the picture ends with one number, the stream begins with the next."""
    lab.start(
        "sh", "-c", "i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo n$i; [ $((i%50)) -eq 0 ] && sleep 0.03; done; sleep 100"
    )
    spool = lab.record()
    wait_until(lambda: "n4000" in lab.screen())
    wait_until(lambda: b"n4000" in b"".join(data for _, data, _ in spool.records(Cursor())))
    seed = lab.rows("SELECT screen FROM pane_events WHERE kind = 'attach'")
    from procy.store.blobs import unpack

    shown = unpack(seed[0]["screen"]).decode()  # type: ignore[arg-type]
    last = max(int(word[1:]) for word in shown.split() if word.startswith("n") and word[1:].isdigit())
    stream = b"".join(data for _, data, _ in spool.records(Cursor())).decode()
    numbers = [int(word[1:]) for word in stream.split() if word.startswith("n")]
    assert numbers == list(range(last + 1, 4001))


def test_processes_are_known_again() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], cwd="/", env={"MARK": "here", "PATH": os.environ["PATH"]}
    )
    try:
        found = wait_until(lambda: (one := process.describe(child.pid)) and one.argv[1:2] == ("-c",) and one)
        assert found.cwd == "/" and found.environment["MARK"] == "here"  # type: ignore[attr-defined]
        assert process.is_same(found)  # type: ignore[arg-type]
        assert child.pid in [one.pid for one in process.descendants(os.getpid())]
    finally:
        child.kill()
    wait_until(lambda: not process.is_alive(child.pid))
    assert process.describe(child.pid) is None
    child.wait()


def test_foreground_group_follows_the_terminal(shell: Lab) -> None:
    pid = int(shell.option("pane_pid"))
    assert process.foreground_group(pid) == pid
    shell.type("sleep 5")
    wait_until(lambda: process.foreground_group(pid) not in (pid, None))
    shell.press("C-c")
    wait_until(lambda: process.foreground_group(pid) == pid)
    assert process.foreground_group(1 << 30) is None


def test_damaged_folders_are_passed_over(lab: Lab) -> None:
    folder = Path(lab.places.spool) / "00BROKEN"
    folder.mkdir()
    (folder / "meta.json").write_text("{half")
    lab.start()
    spool = lab.record()
    lab.type("echo works")
    lab.until_turns(1)
    assert "00BROKEN cannot be followed" in lab.log()
    doctor = lab.procy("doctor", check=False)
    assert doctor.returncode == 1 and "00BROKEN holds no readable meta.json" in doctor.stdout
    assert spool.session_id != folder.name


def test_seeds_that_are_damaged_are_passed_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.seeds.mkdir()
    (spool.seeds / f"{time.time_ns()}.json").write_text("{")
    assert attach.seeds(spool) == []


def test_a_picture_that_is_being_taken_is_waited_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.seeds.mkdir()
    spool.announce_seed()
    assert attach.is_under_way(spool, ())

    def take() -> None:
        attach.write_seed(spool, 5, Picture(80, 24, b"here"), "")
        spool.seed_announced.unlink()

    timer = threading.Timer(0.1, take)
    timer.start()
    (seed,) = attach.seeds(spool)
    timer.join()
    assert (seed.time_ns, seed.picture.escapes) == (5, b"here")
    assert attach.is_under_way(spool, ()) and not attach.is_under_way(spool, {seed.path})


def test_nobody_waits_for_a_picture_whose_taker_is_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.seeds.mkdir()
    spool.announce_seed()
    long_ago = time.time() - 60
    os.utime(spool.seed_announced, (long_ago, long_ago))
    assert not attach.is_under_way(spool, ()) and attach.seeds(spool) == []


@pytest.mark.parametrize("size", [0, 10, 63])
def test_half_a_state_is_none(tmp_path: Path, size: int) -> None:
    (tmp_path / "tap.state").write_bytes(b"procytp1".ljust(size, b"\0")[:size])
    assert Spool(tmp_path).state() is None
    assert list(Spool(tmp_path).records(Cursor())) == []
