"""The tmux plugin, met as a user meets it: a client that is attached, keys that are pressed, a screen that is looked at.

The client runs in the pane of a second, outer tmux, whose ``capture-pane`` is what a user sees: menus, popups, status line.
All of it once for the tmux on PATH and once for each in ``PROCY_TMUX_BINARIES`` (paths with colons in between).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from procy.cli.doctor_tmux import version_of
from tests.conftest import Lab, wait_until

ROOT = Path(__file__).resolve().parents[2]
COLUMNS, ROWS = 130, 32
POPUPS = {  # key: what procy is given, after which -t PANE comes
    "!": "prompt", "A": "answer", "H": "pick", "F": "correct", "S": "scrollback", "Y": "copy",
}  # fmt: skip
SETTLED = "set -g @procy_restored 1\n"  # what was cut off has been looked after
STUB = """#!/bin/sh
printf '%s|%s\\n' "$*" "$PWD" >> {calls}
printf 'stub: %s\\n' "$*"
case $1 in prompt | answer | pick | correct | scrollback | copy | summary | resume) read -r _ ;; esac
"""


def binaries() -> Iterator[object]:
    for path in ["tmux", *filter(None, os.environ.get("PROCY_TMUX_BINARIES", "").split(":"))]:
        found = shutil.which(path)
        missing = [] if found else [pytest.mark.skip(reason=f"no tmux at {path}")]
        yield pytest.param(found or path, marks=missing, id=version(found) if found else path)


def version(binary: str) -> str:
    return subprocess.run([binary, "-V"], capture_output=True, text=True, check=True).stdout.strip().replace(" ", "-")


class Desk(Lab):
    """A tmux with the plugin, a client attached to it, and a ``procy`` that writes down what it was asked."""

    def __init__(self, root: Path, binary: str) -> None:
        super().__init__(root)
        self.version = version_of(version(binary))
        self.outer_environment = dict(self.environment)
        self.outer_socket = str(root / "outer")
        self.bin = root / "bin"
        self.bin.mkdir()
        (self.bin / "tmux").symlink_to(binary)
        self.environment["PATH"] = f"{self.bin}:{self.environment['PATH']}"
        self.calls_file = root / "calls"
        self.stub = root / "stub"
        self.stub.write_text(STUB.format(calls=shlex.quote(str(self.calls_file))))
        self.stub.chmod(0o755)
        self.config = root / "tmux.conf"
        self.plugin = ROOT / "procy.tmux"

    def begin(self, config: str = "", command: str | None = None) -> None:
        """Start the server with this configuration, whose last line loads the plugin."""
        command = f"set -g @procy-command {shlex.quote(str(self.stub))}\n" if command is None else command
        self.config.write_text(f"{SETTLED}{command}{config}\nrun-shell {shlex.quote(self.plugin_command())}\n")
        size = ("-x", str(COLUMNS), "-y", str(ROWS), "-c", str(self.work))
        self.pane = self.tmux(
            "-f", str(self.config), "new-session", "-d", "-P", "-F", "#{pane_id}", *size, "-n", "one", "cat"
        ).strip()
        self.until_loaded()

    def until_loaded(self) -> None:
        wait_until(lambda: self.value("@procy_parts") and "@procy_parts" in self.keys("prefix"), what="the plugin")

    def plugin_command(self) -> str:
        """For run-shell, which expands formats before sh sees it."""
        return shlex.quote(str(self.plugin).replace("#", "##"))

    def load(self) -> None:
        self.tmux("run-shell", self.plugin_command())

    def attach(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        attach = f"stty cols {columns} rows {rows}; exec {self.bin}/tmux -S {shlex.quote(self.socket)} attach"
        self.outer("-f", os.devnull, "new-session", "-d", "-x", str(columns), "-y", str(rows), attach)
        self.outer("set-option", "-g", "status", "off")
        wait_until(lambda: self.tmux("list-clients") and self.seen().strip(), what="the client")

    def outer(self, *arguments: str) -> str:
        command = ["tmux", "-S", self.outer_socket, *arguments]
        return subprocess.run(command, env=self.outer_environment, capture_output=True, text=True, check=False, timeout=30).stdout

    def seen(self, colours: bool = False) -> str:
        return self.outer("capture-pane", "-p", *(["-e"] if colours else []))

    def status(self) -> str:
        lines = self.seen().splitlines()
        return lines[ROWS - 1] if len(lines) >= ROWS else ""

    def key(self, *keys: str) -> None:
        """Keys of the prefix table."""
        for key in keys:
            self.outer("send-keys", "C-b")
            self.outer("send-keys", "-l", key)

    def until_seen(self, text: str) -> str:
        wait_until(lambda: text in self.seen(), what=f"{text!r} on the screen:\n{self.seen()}")
        return self.seen()

    def until_gone(self, text: str) -> None:
        wait_until(lambda: text not in self.seen(), what=f"{text!r} to go:\n{self.seen()}")

    def close(self, text: str) -> None:
        """Enter, until the popup that says this is gone."""
        wait_until(lambda: text not in self.seen() or self.outer("send-keys", "Enter"), what=f"{text!r} to go:\n{self.seen()}")

    def value(self, name: str) -> str:
        return self.tmux("show-options", "-gqv", name).removesuffix("\n")

    def set(self, name: str, value: str, pane: str = "") -> None:
        self.tmux("set-option", *(("-p", "-t", pane) if pane else ("-g",)), name, value)

    def keys(self, table: str) -> str:
        return self.tmux("list-keys", "-T", table)

    def bound(self, key: str) -> str:
        """The command on a prefix key, "" when there is none."""
        found = re.search(rf"^bind-key +(?:-r +)?-T prefix +{re.escape(key)} +(.*)$", self.keys("prefix"), re.MULTILINE)
        return found[1] if found else ""

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def everything(self) -> str:
        shown = [("show-options", "-g"), ("show-options", "-gw"), ("show-hooks", "-g"), ("list-keys",), ("list-keys", "-N")]
        return "\n".join(self.tmux(*arguments) for arguments in shown)

    def stop(self) -> None:
        self.outer("kill-server")
        super().stop()


@pytest.fixture(params=binaries())
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk(tmp_path, request.param)
    yield desk
    desk.stop()


# -- loading ------------------------------------------------------------------------------------------------------------


def test_loading_again_changes_nothing(desk: Desk) -> None:
    desk.begin("set -g status-left '#{procy} '\nset -g @procy-auto claude")
    before = desk.everything()
    desk.load()
    desk.load()
    assert desk.everything() == before
    desk.tmux("source-file", str(desk.config))
    assert desk.everything() == before


def test_a_bare_configuration_again_changes_nothing(desk: Desk) -> None:
    desk.begin()
    before = desk.everything()
    desk.tmux("source-file", str(desk.config))
    assert desk.everything() == before
    assert desk.value("status-right").count("@procy_segment_auto") == 1
    assert desk.value("status-right-length") == "100"


def test_a_path_with_odd_characters(desk: Desk, tmp_path: Path) -> None:
    odd = tmp_path / "it's #{pane_id} $HOME"
    copy_plugin(odd)
    desk.plugin = odd / "procy.tmux"
    desk.begin()
    desk.attach()
    desk.key("H")
    desk.until_seen(f"stub: pick -t {desk.pane}")
    desk.close("stub: ")
    desk.key("P")
    desk.until_seen("Doctor")
    desk.outer("send-keys", "y")
    desk.until_seen(f"stub: copy -t {desk.pane}")


def test_where_pip_put_it_its_own_procy_runs(desk: Desk, tmp_path: Path) -> None:
    package = tmp_path / "venv" / "lib" / "python3.11" / "site-packages" / "procy"
    shutil.copytree(ROOT / "procy" / "tmux", package / "tmux")
    shutil.copy2(ROOT / "procy.tmux", package)
    (tmp_path / "venv" / "bin").mkdir()
    (tmp_path / "venv" / "bin" / "procy").symlink_to(desk.stub)
    desk.plugin = package / "procy.tmux"
    desk.begin(command="")
    desk.attach()
    desk.key("H")
    desk.until_seen(f"stub: pick -t {desk.pane}")


def copy_plugin(target: Path) -> None:
    shutil.copytree(ROOT / "procy" / "tmux", target / "procy" / "tmux")
    for name in ("procy.tmux", "constraints.txt"):
        shutil.copy2(ROOT / name, target / name)


# -- keys ---------------------------------------------------------------------------------------------------------------


def test_every_key_has_a_note(desk: Desk) -> None:
    desk.begin()
    notes = desk.tmux("list-keys", "-N", "-T", "prefix")
    for key in "P!RNAHFSYBe":
        assert re.search(rf"(^|\s){re.escape(key)} +procy: \w", notes, re.MULTILINE), key


def test_a_key_of_the_user_stays(desk: Desk) -> None:
    desk.begin("bind R display-message mine\nbind ! display-message mine\nset -g @procy-key-next none\nset -g @procy-key-copy ''")
    assert desk.bound("R") == desk.bound("!") == "display-message mine"
    assert desk.bound("N") == desk.bound("Y") == ""
    assert desk.value("@procy_skipped").splitlines() == ["prompt !", "record R"]
    doctor = desk.procy("doctor", inside=True, check=False).stdout
    assert "prefix + R is yours: display-message mine; record has no key" in doctor
    assert "set -g @procy-key-record M-r" in doctor
    listed = desk.procy("plugin", "--keys", inside=True).stdout
    assert "prefix + P  menu" in listed and "prefix + R  record (left to you)" in listed


def test_a_key_that_tmux_itself_uses_stays(desk: Desk) -> None:
    desk.begin("set -g @procy-key-menu c")
    assert desk.bound("c").startswith("new-window") and desk.value("@procy_skipped") == "menu c"


def test_another_key_frees_the_old_one(desk: Desk) -> None:
    desk.begin("set -g @procy-key-menu P")
    for name, key in {"menu": "M-q", "prompt": "none", "pick": "^h"}.items():
        desk.set(f"@procy-key-{name}", key)
    desk.load()
    assert desk.bound("P") == "" and "menu.sh" in desk.bound("M-q")
    assert desk.bound("H") == "" and "pick" in desk.bound("C-h")
    assert desk.bound("!") == "break-pane"


def test_keys_that_need_quoting(desk: Desk) -> None:
    desk.begin("unbind '\"'\nunbind \\;\nset -g @procy-key-menu '\"'\nset -g @procy-key-pick \\;\nset -g @procy-key-next nokey")
    assert "menu.sh" in desk.bound('\\"') and "pick" in desk.bound("\\;")
    assert desk.value("@procy_skipped") == "next nokey"


# -- menu and popups ----------------------------------------------------------------------------------------------------


def test_each_popup_runs_its_command_on_the_pane(desk: Desk) -> None:
    desk.begin()
    odd = desk.work / "a $(touch x) #{pane_id} 'b'"
    odd.mkdir()
    desk.pane = desk.tmux("new-window", "-P", "-F", "#{pane_id}", "-c", str(odd).replace("#", "##"), "cat").strip()
    desk.set("@procy_waiting", "1")
    desk.attach()
    for key, words in POPUPS.items():
        desk.key(key)
        screen = desk.until_seen(f"stub: {words} -t {desk.pane}")
        assert ("procy: " in screen) == (desk.version >= (3, 3)), "a title, where tmux has titles"
        desk.close("stub: ")
    ends = {"correct": " --send"}
    assert desk.calls() == [f"{words} -t {desk.pane}{ends.get(words, '')}|{odd}" for words in POPUPS.values()]
    desk.key("e")
    desk.until_seen(f"stub: prompt -t {desk.pane} evolve")


def test_words_of_a_command_are_shown_as_they_are(desk: Desk) -> None:
    desk.begin()
    desk.stub.write_text('#!/bin/sh\necho first\necho "100% of #{pane_id} #[fg=red]%H $*"\nexit 1\n')
    desk.attach()
    desk.key("R")
    desk.until_seen(f"100% of #{{pane_id}} #[fg=red]%H record --toggle -t {desk.pane}")
    desk.key("N")
    client = desk.tmux("list-clients", "-F", "#{client_name}").strip()
    desk.until_seen(f"#[fg=red]%H next -c {client}")
    desk.key("B")
    desk.until_seen(f"#[fg=red]%H open -t {desk.pane}")


def test_a_popup_fills_a_small_terminal(desk: Desk) -> None:
    desk.begin()
    desk.attach(columns=60, rows=15)
    desk.key("H")
    lines = desk.until_seen("stub: pick").splitlines()
    assert len(lines[0]) >= 59 and lines[0][0] in "╭┌" and lines[14][0] in "╰└"


def test_where_nothing_is_asked_the_answer_key_says_so(desk: Desk) -> None:
    desk.begin()
    desk.attach()
    desk.key("A")
    desk.until_seen("procy: no agent waits for an answer")
    assert desk.calls() == []


def test_the_answer_key_is_for_prompts_of_a_run_that_asks_as_well(desk: Desk) -> None:
    desk.begin()
    desk.attach()
    desk.tmux("set-option", "-g", "@procy_evolve", "evolve 3/5 +12%")
    desk.key("A")
    desk.until_seen("procy: no agent waits for an answer")
    desk.tmux("set-option", "-g", "@procy_evolve", "evolve 3/5 +12% ?")
    desk.key("A")
    desk.until_seen("stub: answer")


def test_a_command_that_fails_in_a_popup_can_be_read(desk: Desk) -> None:
    desk.begin()
    desk.stub.write_text("#!/bin/sh\necho 'procy: no. Do this' >&2\nexit 1\n")
    desk.attach()
    desk.key("H")
    desk.until_seen("Any key closes this")
    assert "procy: no. Do this" in desk.seen()
    desk.close("procy: no. Do this")


def test_ctrl_c_leaves_such_a_popup_and_nothing_is_written_over_the_pane(desk: Desk) -> None:
    desk.begin()
    desk.stub.write_text("#!/bin/sh\necho 'procy: no. Do this' >&2\nexit 1\n")
    desk.attach()
    desk.key("H")
    desk.until_seen("Any key closes this")
    desk.outer("send-keys", "C-c")
    desk.until_gone("Any key closes this")
    desk.key("R")  # its words come after what the popup left
    desk.until_seen("procy: no. Do this")
    assert "returned" not in desk.seen()


def test_the_menu_says_what_can_be_done_now(desk: Desk) -> None:
    desk.begin()
    desk.attach()
    desk.key("P")
    menu = desk.until_seen("Doctor")
    assert "Record this pane" in menu and "Pause" not in menu
    assert re.search(r"Answer what is asked +│", menu), "dim while nothing is asked"
    desk.outer("send-keys", "q")
    desk.until_gone("Doctor")
    desk.set("@procy_paused", "1", desk.pane)
    desk.key("P")
    assert "Go on recording" in desk.until_seen("Doctor")
    desk.outer("send-keys", "q")
    desk.until_gone("Doctor")
    desk.set("@procy_state", "waiting", desk.pane)
    desk.set("@procy_waiting", "1")
    desk.key("P")
    menu = desk.until_seen("Doctor")
    assert "Stop recording" in menu and "Pause recording" in menu and re.search(r"Answer what is asked +\(a\)", menu)
    desk.outer("send-keys", "a")
    desk.until_seen(f"stub: answer -t {desk.pane}")


@pytest.mark.parametrize("rows", [26, 21, 14])
def test_the_menu_fits_small_terminals(desk: Desk, rows: int) -> None:
    """tmux shows no menu that is higher than its terminal: lines between go first, then the command prompt is there."""
    desk.begin()
    desk.attach(rows=rows)
    desk.key("P")
    desk.until_seen("Doctor" if rows > 14 else "stub: prompt")


def test_menu_letters_run_their_commands(desk: Desk) -> None:
    desk.begin()
    desk.attach()
    client = desk.tmux("list-clients", "-F", "#{client_name}").strip()
    popups = {
        "l": f"summary -t {desk.pane} --wait",
        "/": f"prompt -t {desk.pane} search",
        "d": "doctor",
        "u": "resume",
    }
    words = {"n": f"next -c {client}", "r": f"record --toggle -t {desk.pane}", "b": f"open -t {desk.pane}"}
    for letter, asked in (popups | words).items():
        desk.key("P")
        desk.until_seen("Doctor")
        desk.outer("send-keys", "-l", letter)
        desk.until_seen(f"stub: {asked}")
        if letter in popups:
            desk.close("stub: ")


# -- status line --------------------------------------------------------------------------------------------------------


def test_status_shows_what_is_recorded(desk: Desk) -> None:
    desk.begin()
    other = desk.tmux("new-window", "-d", "-P", "-F", "#{pane_id}", "-n", "two", "cat").strip()
    desk.attach()
    assert re.fullmatch(r'\[0\] 0:one\* 1:two +"[^│●○?▸·]+', desk.status()), "nothing of ours while nothing is recorded"
    desk.set("@procy_state", "busy", other)
    desk.set("@procy_busy", "1")
    wait_until(lambda: "1:two  ▸ " in desk.status() and "○ ▸ 1 │" in desk.status(), what=desk.status())
    desk.set("@procy_state", "waiting", other)
    desk.set("@procy_reason", "permission", other)
    desk.tmux("set-option", "-gu", "@procy_busy")
    for name, value in {"waiting": "1", "error": "2", "idle": "3", "today": "12.3k tok $0.42", "evolve": "try 3/10"}.items():
        desk.set(f"@procy_{name}", value)
    for name, value in {"state": "idle", "context": "42"}.items():
        desk.set(f"@procy_{name}", value, desk.pane)
    segment = "●  ? 1   ! 2  · 3 │ try 3/10 │ 12.3k tok $0.42 │ ctx 42% │ "
    wait_until(lambda: segment in desk.status(), what=f"{segment}\n{desk.status()}")
    assert desk.status().startswith("[0] 0:one* · 1:two   ? permission ")
    coloured = desk.seen(colours=True)
    assert re.search(r"\x1b\[[0-9;]*43m[^\n]* \? permission ", coloured), "black on yellow"


def test_the_worst_state_of_a_window_is_shown(desk: Desk) -> None:
    desk.begin()
    desk.attach()
    panes = [desk.pane, *(desk.tmux("split-window", "-d", "-P", "-F", "#{pane_id}", "cat").strip() for _ in range(2))]
    marks = [("idle", " · "), ("busy", " ▸ "), ("error", "  !  "), ("waiting", "  ? plan  ")]
    for place, (state, mark) in enumerate(marks):
        desk.set("@procy_reason", "plan", panes[place % 3])
        desk.set("@procy_state", state, panes[place % 3])
        wait_until(lambda mark=mark: f"0:one*{mark}" in desk.status(), what=f"{state}\n{desk.status()}")
    desk.set("@procy_state", "waiting", panes[1])
    desk.set("@procy_reason", "a question that is rather long", panes[0])
    wait_until(lambda: "0:one*  ? a question that is r  " in desk.status(), what=desk.status())


def test_a_reason_is_never_a_format_or_a_style(desk: Desk, tmp_path: Path) -> None:
    desk.begin()
    desk.attach()
    desk.set("@procy_waiting", "1")
    desk.set("@procy_state", "waiting", desk.pane)
    for reason in (f"#(touch {tmp_path}/x)", "#[fg=magenta]#{pane_id}", "##[fg=magenta]", "###{pane_id}", "a,b}c%H%%"):
        desk.set("@procy_reason", reason, desk.pane)
        shown = reason.replace("#", " ")[:20]
        wait_until(lambda shown=shown: f"? {shown}" in desk.status(), what=f"{shown}\n{desk.status()}")
        assert "\x1b[35m" not in desk.seen(colours=True)
    desk.set("@procy_reason", "a\x1b[35mb\x07\nc", desk.pane)
    wait_until(lambda: "? a" in desk.status(), what=desk.status())
    assert "\x1b[35m" not in desk.seen(colours=True)
    assert not (tmp_path / "x").exists()


def test_placeholders_in_the_users_own_status_line(desk: Desk) -> None:
    own = """set -g status-left '<#{procy}> '
set -g status-right "it's #{procy};"
set -g window-status-format '#I#{procy_window}#W'
set -g window-status-current-format '#I#{procy_window}#W'"""
    desk.begin(own)
    desk.attach()
    assert "segment_auto" not in desk.value("status-right")
    desk.set("@procy_state", "busy", desk.pane)
    desk.set("@procy_busy", "1")
    wait_until(lambda: desk.status().startswith("<● ▸ 1> 0▸one"), what=desk.status())
    assert desk.status().rstrip().endswith("it's ● ▸ 1;")


def test_status_and_marks_can_be_switched_off(desk: Desk) -> None:
    formats = ("status-right", "window-status-format", "window-status-current-format")
    desk.begin("set -g @procy-status off\nset -g @procy-window off")
    before = [desk.value(name) for name in formats]
    assert "procy" not in "".join(before)
    desk.set("@procy-status", "on")
    desk.set("@procy-window", "on")
    desk.load()
    assert all("_auto}" in desk.value(name) for name in formats)
    desk.set("@procy-status", "off")
    desk.set("@procy-window", "off")
    desk.load()
    assert [desk.value(name) for name in formats] == before


def test_a_placeholder_that_came_later_takes_the_place(desk: Desk) -> None:
    desk.begin()
    desk.set("status-left", "#{procy} ")
    desk.load()
    assert desk.value("status-left") == "#{E:@procy_segment} " and "procy" not in desk.value("status-right")


def test_a_narrow_terminal_keeps_room_for_the_windows(desk: Desk) -> None:
    desk.begin()
    desk.attach(columns=80)
    for name, value in {"busy": "2", "waiting": "1", "today": "12.3k tok $0.42"}.items():
        desk.set(f"@procy_{name}", value)
    wait_until(lambda: "○  ? 1  ▸ 2 │ " in desk.status(), what=desk.status())
    assert "tok" not in desk.status() and "0:one" in desk.status()


# -- the server ---------------------------------------------------------------------------------------------------------


def test_the_sidecar_is_told_when_something_needs_it(desk: Desk) -> None:
    desk.begin()
    desk.attach()
    assert desk.calls() == []
    desk.set("@procy-auto", "claude")
    desk.load()
    wait_until(lambda: [call.partition("|")[0] for call in desk.calls()] == ["tmux watch"], what=str(desk.calls()))
    desk.outer("kill-server")
    desk.outer_socket += "2"
    desk.attach()
    wait_until(lambda: len(desk.calls()) == 2, what="the same when a client comes")
    desk.set("@procy-auto", "")
    desk.load()
    assert "watch" not in desk.tmux("show-hooks", "-g")


def test_what_was_cut_off_is_looked_after_once_a_server(desk: Desk) -> None:
    """After a reboot; loading the plugin again is no reason to."""
    desk.begin("set -gu @procy_restored")
    desk.load()
    wait_until(desk.calls, what="the call")
    assert [call.partition("|")[0] for call in desk.calls()] == ["resume --started"]
    assert desk.value("@procy_restored") == "1"


def test_the_hook_of_tmux_resurrect_runs_ours_after_the_users(desk: Desk, tmp_path: Path) -> None:
    hook = "@resurrect-hook-post-restore-all"
    desk.begin(f"set -g {hook} 'touch {tmp_path}/theirs'")
    desk.load()
    assert desk.value(hook).count("resume --restored") == 1
    script = desk.value(hook)
    desk.tmux("run-shell", f"eval {shlex.quote(script)}", check=False)
    assert (tmp_path / "theirs").exists()
    assert [call.partition("|")[0] for call in desk.calls()] == ["resume --restored"]


# -- without a procy ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bare(desk: Desk, tmp_path: Path) -> Desk:
    """A clone as TPM makes it, and no procy anywhere. ``python3`` is a stub: it makes the environment, pip is a word."""
    clone = tmp_path / "clone"
    copy_plugin(clone)
    desk.plugin = clone / "procy.tmux"
    folders = [folder for folder in os.environ["PATH"].split(":") if not (Path(folder) / "procy").exists()]
    desk.environment["PATH"] = f"{desk.bin}:{':'.join(folders)}"
    python = desk.bin / "python3"
    python.write_text(f"""#!/bin/sh
[ "$2" = venv ] || exit 0
mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp {shlex.quote(str(desk.stub))} "$3/bin/procy"
printf '#!/bin/sh\\necho "pip: $*"; exit "${{PIP_EXIT:-0}}"\\n' > "$3/bin/python"
""")
    python.chmod(0o755)
    return desk


def test_a_missing_procy_is_said_once_and_installed_from_a_popup(bare: Desk) -> None:
    bare.begin(command="")
    assert bare.bound("R") == "" and "menu.sh" in bare.bound("P")
    bare.attach()
    bare.until_seen("procy: no procy command found. prefix + P installs it.")
    bare.outer("send-keys", "x")
    bare.until_gone("no procy command")
    bare.load()
    assert bare.tmux("show-messages").count("command: display-message -d 10000") == 1
    bare.key("P")
    popup = bare.until_seen("Go ahead? [y/N]")
    assert "pip' install -c" in re.sub(r"\s*│\n\s*│", "", popup) and bare.plugin.parent.name in popup
    bare.outer("send-keys", "y", "Enter")
    bare.until_seen("Done. prefix + P opens the menu")
    assert "-e " in bare.seen() and "pip: -m pip install" in bare.seen()
    bare.close("Done.")
    bare.key("H")
    bare.until_seen(f"stub: pick -t {bare.pane}")


def test_somebody_who_is_there_already_is_told_at_once(bare: Desk) -> None:
    bare.start(columns=COLUMNS, rows=ROWS)
    bare.attach()
    bare.load()
    bare.until_seen("procy: no procy command found. prefix + P installs it.")


def test_an_install_that_fails_says_how_to_do_it_by_hand(bare: Desk) -> None:
    bare.environment["PIP_EXIT"] = "1"
    bare.begin(command="")
    bare.attach()
    bare.key("P")
    bare.until_seen("Go ahead? [y/N]")
    bare.outer("send-keys", "y", "Enter")
    bare.until_seen("pip could not install it; its own words are above.")
    assert "By hand:" in bare.seen() and bare.value("@procy_program") == ""
    bare.close("By hand:")
    bare.key("P")
    bare.until_seen("Go ahead? [y/N]")
    bare.close("Go ahead?")


# -- with the real procy ------------------------------------------------------------------------------------------------


def test_a_key_records_and_stops(desk: Desk) -> None:
    desk.begin(command=f"set -g @procy-command {Path(sys.executable).with_name('procy')}\n")
    desk.attach()
    desk.key("R")
    desk.until_seen(f"recording pane {desk.pane} as ")
    wait_until(lambda: desk.option("@procy_session"), what="the sidecar's word")
    desk.procy("pause", inside=True)
    assert desk.option("@procy_paused") == "1"
    desk.key("R")
    wait_until(lambda: not desk.option("@procy_paused"), what="going on")
    wait_until(lambda: desk.option("@procy_session"), what="the sidecar's word")
    desk.key("R")
    desk.until_seen(f"stopped recording pane {desk.pane} (")
    wait_until(lambda: not desk.option("@procy_session"), what="the sidecar's word")
    loaded = desk.procy("doctor", inside=True, check=False).stdout
    assert "tmux plugin: 11 keys, runs " in loaded
    assert ("round corners on the menu" in loaded) == (desk.version < (3, 4))


# -- documentation ------------------------------------------------------------------------------------------------------


def test_the_documented_options_are_those_that_the_plugin_reads() -> None:
    block = re.search(r"^options='\n(.*?)^'", (ROOT / "procy.tmux").read_text(), re.MULTILINE | re.DOTALL)
    assert block
    read = {name: default for name, _, default in (line.partition(" ") for line in block[1].splitlines())}
    page = (ROOT / "docs" / "tmux.md").read_text(encoding="utf-8")
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `@procy-")]
    assert {name: default for name, default, _ in rows} == read
