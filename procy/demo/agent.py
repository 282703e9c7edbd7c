"""A small terminal agent that follows a script: ``python -m procy.demo.agent``.

It looks and behaves like the agents that procy records: a prompt box at the bottom, a spinner, answers that stream, tools
that really run and really change files. It is no model, and its first screen says so. Esc interrupts, Ctrl-D ends.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from procy.demo.conversations import conversation
from procy.demo.hunks import middle, patch
from procy.demo.script import Edit, Rewrite, Run, Say, Step, Think, Write, steps_for
from procy.demo.task import Temper, load_task, steps_of
from procy.demo.transcript import Transcript
from procy.errors import AgentError
from procy.parse.width import display_width

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
DIM, BOLD, GREEN, YELLOW, BLUE, RED, PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[31m", "\x1b[0m"
THINK_S = 0.6  # about a task; one that thinks for less writes faster too
PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
HEADER = f"""{BOLD}{YELLOW}▐▛ demo agent{PLAIN}  a {BOLD}scripted{PLAIN} program that comes with procy. It is not a model:
{DIM}   its answers are written down beforehand; its tools really run, in{PLAIN} """


class Interrupted(Exception):
    """The user pressed Esc."""


class Leave(Exception):
    """The user wants to go."""


class Agent:
    """One conversation on this terminal. ``pace``: of what it writes, in parts of the usual time. ``hold``: it thinks on for as
    long as that file is there."""

    def __init__(
        self, transcript: Transcript, steps: Callable[[str], Sequence[Step]] = steps_for, pace: float = 1.0, hold: str = ""
    ) -> None:
        self.transcript, self.steps, self.pace, self.hold = transcript, steps, pace, hold
        self.typed = ""
        self.note = ""
        self.drawn = 0  # rows of the box on the screen

    # -- the screen ---------------------------------------------------------------------------------------------------

    def put(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def box(self) -> str:
        """The prompt box, three rows and a line of help; the cursor ends up behind the input."""
        width = shutil.get_terminal_size().columns
        rule = DIM + "─" * width + PLAIN
        shown = self.typed.replace("\n", " ")[-(width - 4) :]
        note = f"{YELLOW}{self.note}{PLAIN}" if self.note else ""
        lines = [note, rule, f"{GREEN}❯{PLAIN} {shown}", rule, f"{DIM}  esc interrupts · ctrl-d leaves{PLAIN}"]
        self.drawn = len(lines)
        return "\r\n".join(lines) + f"\x1b[2A\r\x1b[{2 + display_width(shown)}C"

    def redraw(self) -> None:
        self.put("\x1b[?2026h" + self.erase() + self.box() + "\x1b[?2026l")

    def erase(self) -> str:
        """Go to where the box begins and clear from there."""
        return f"\x1b[{self.drawn - 3}A\r\x1b[J" if self.drawn else ""

    def print(self, text: str) -> None:
        """Lines that stay, above the box."""
        body = text.replace("\n", "\r\n")
        self.put("\x1b[?2026h" + self.erase() + body + "\r\n" + self.box() + "\x1b[?2026l")

    def status(self, state: str) -> None:
        """Program Status Protocol, for terminals and recorders that listen."""
        self.put(f"\x1b]7501;state={state}:app=procy-demo\x07")

    # -- the keys -----------------------------------------------------------------------------------------------------

    def keys(self, seconds: float) -> str:
        """What was typed within that time; "" when nothing was."""
        if not select.select([sys.stdin], [], [], seconds)[0]:
            return ""
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            raise Leave
        return data.decode("utf-8", "replace")

    def read_prompt(self) -> str:
        self.status("idle")
        self.redraw()
        pasting = False
        while True:
            text = self.keys(3600)
            if "\x1b[200~" in text or pasting:
                pasting = "\x1b[201~" not in text
                self.typed += text.replace("\x1b[200~", "").replace("\x1b[201~", "").replace("\r", "\n")
            elif self.edit(text):
                prompt, self.typed = self.typed.strip(), ""
                if prompt:
                    return prompt
            self.redraw()

    def edit(self, text: str) -> bool:
        """Apply typed keys; True at Enter."""
        if text.startswith("\x1b"):
            self.typed = "" if text == "\x1b" else self.typed
            return False
        for key in text:
            if key in "\x03\x04":
                raise Leave
            if key in "\r\n":
                return True
            if key == "\x7f":
                self.typed = self.typed[:-1]
            elif key == "\x15":
                self.typed = ""
            elif key >= " ":
                self.typed += key
        return False

    def wait(self, seconds: float) -> None:
        """Let time pass with a spinner; what is typed meanwhile waits in the box. Raises Interrupted at Esc."""
        until = time.monotonic() + seconds
        turn = 0
        while time.monotonic() < until:
            self.note = f"{SPINNER[turn % len(SPINNER)]} Working… ({int(time.monotonic() - self.began)}s · esc to interrupt)"
            self.redraw()
            turn += 1
            text = self.keys(0.08)
            if text == "\x1b":
                raise Interrupted
            if text:
                self.edit(text.replace("\r", ""))

    # -- a turn -------------------------------------------------------------------------------------------------------

    def answer(self, prompt: str) -> None:
        self.began = time.monotonic()
        self.status("working")
        self.transcript.prompt(prompt)
        shown = prompt.replace("\n", "\n  ")
        self.print(f"\n{GREEN}❯ {shown}{PLAIN}\n")
        steps = self.steps(prompt)
        try:
            for place, step in enumerate(steps):
                self.take(step, last=place == len(steps) - 1)
            self.transcript.done(round((time.monotonic() - self.began) * 1000))
            self.status("done")
        except Interrupted:
            self.transcript.interrupted()
            self.print(f"{RED}  interrupted{PLAIN}")
        self.note = ""

    def take(self, step: Step, last: bool) -> None:
        if isinstance(step, Think):
            self.wait(step.seconds)
            while self.hold and os.path.exists(self.hold):
                self.wait(0.1)
        elif isinstance(step, Say):
            self.stream(step.text)
            self.transcript.text(step.text, last)
        elif isinstance(step, Write):
            self.write(step)
        elif isinstance(step, Edit):
            self.change(step.path, step.old, step.new)
        elif isinstance(step, Rewrite):
            self.change(step.path, *middle(read(step.path), step.content))
        else:
            self.run(step)

    def stream(self, text: str) -> None:
        """An answer, line by line, as models give it."""
        for number, line in enumerate(text.split("\n")):
            self.wait(0.15 * self.pace)
            self.print(f"{'● ' if number == 0 else '  '}{line}")
        self.print("")

    def write(self, step: Write) -> None:
        key = self.transcript.call("Write", {"file_path": step.path, "content": step.content})
        self.wait(0.3 * self.pace)
        Path(step.path).write_text(step.content, encoding="utf-8")
        lines = step.content.count("\n")
        self.print(f"{BLUE}● Write({step.path}){PLAIN}\n  ⎿  {lines} lines\n")
        details = {"type": "create", "filePath": step.path, "content": step.content, "structuredPatch": []}
        self.transcript.result(key, f"File created successfully at: {step.path}", False, details)

    def change(self, path: str, old: str, new: str) -> None:
        key = self.transcript.call("Edit", {"file_path": path, "old_string": old, "new_string": new})
        self.wait(0.3 * self.pace)
        before = read(path)
        if old not in before:
            self.print(f"{RED}● Edit({path}): the text to change is not there{PLAIN}\n")
            self.transcript.result(key, "String to replace not found in file.", True, {})
            return
        after = before.replace(old, new, 1)
        Path(path).write_text(after, encoding="utf-8")
        hunks = patch(before, after)
        changed = [line for hunk in hunks for line in hunk.lines if line[:1] in "+-"]
        colours = "\n".join(f"     {GREEN if line[0] == '+' else RED}{line}{PLAIN}" for line in changed)
        self.print(f"{BLUE}● Edit({path}){PLAIN}\n{colours}\n")
        details = {"filePath": path, "structuredPatch": [asdict(hunk) for hunk in hunks]}
        self.transcript.result(key, f"The file {path} has been updated.", False, details)

    def run(self, step: Run) -> None:
        key = self.transcript.call("Bash", {"command": step.command})
        with subprocess.Popen(step.command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            while process.poll() is None:
                self.wait(0.1)
            output = (process.stdout.read() if process.stdout else "").strip()
        shown = "\n".join(f"     {line}" for line in output.split("\n")[-8:])
        self.print(f"{BLUE}● Bash({step.command[:90]}){PLAIN}\n  ⎿  exit {process.returncode}\n{DIM}{shown}{PLAIN}\n")
        self.transcript.result(key, output, process.returncode != 0, {"stdout": output, "stderr": "", "interrupted": False})

    def converse(self) -> None:
        self.put(PASTE_ON)
        self.print(HEADER + os.getcwd())
        for prompt in self.transcript.prompts():
            self.print(f"{DIM}❯ {' '.join(prompt.split())[:60]}{PLAIN}")
        try:
            while True:
                self.answer(self.read_prompt())
        except (Leave, KeyboardInterrupt):
            self.put(self.erase() + PASTE_OFF + "bye\r\n")
            self.status("clear")


def read(path: str) -> str:
    """The file's text; "" where there is none."""
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


def arguments() -> argparse.Namespace:
    """Options for the loop: see ``procy.demo.task``."""
    parser = argparse.ArgumentParser(prog="python -m procy.demo.agent", description="A scripted agent; no model.")
    parser.add_argument("--resume", default="", metavar="ID", help="go on with an earlier conversation")
    parser.add_argument("--fork-session", action="store_true", help="with a copy of it")
    parser.add_argument(
        "--task", default="", metavar="PATH", help="a folder of patches, or the name of one that comes with procy"
    )
    parser.add_argument("--seed", default="0", help="what it does when it is free to choose")
    parser.add_argument("--obey", type=float, default=1.0, metavar="P", help="how often it does what it is asked")
    parser.add_argument("--break", type=float, default=0.0, metavar="P", dest="breaks", help="how often it breaks the program")
    parser.add_argument("--think", type=float, default=THINK_S, metavar="S", help="seconds before it begins to write")
    parser.add_argument("--hold", default="", metavar="FILE", help="think on for as long as FILE is there")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    with conversation(os.environ, given.resume, given.fork_session) as transcript:
        if given.task:
            temper = Temper(given.seed, given.obey, given.breaks, given.think)
            agent = Agent(transcript, steps_of(load_task(given.task), temper), min(1.0, given.think / THINK_S), given.hold)
        else:
            agent = Agent(transcript, hold=given.hold)
        before = termios.tcgetattr(sys.stdin)
        tty.setraw(sys.stdin)
        try:
            agent.converse()
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AgentError as error:
        sys.exit(str(error))
