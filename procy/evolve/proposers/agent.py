"""The agent itself as proposer: asked for the prompt by its own headless mode, in the lane's directory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from procy import plugins
from procy.errors import PluginError, ProcyError, ProposerError
from procy.evolve.proposers.answers import Rejected, asked, complaint
from procy.evolve.templates import Templates
from procy.evolve.words import one_line, shorten
from procy.plugins import profile_of
from procy.tries import Brief, PromptSource, Proposal
from procy.types import ANSWER_FILE, PRIVATE_FILE, Launch, Profile

LARGEST = 1_000_000  # bytes of an answer
CHARACTERS = 16_000  # of what it is told
GRACE_S = 2.0
POLL_S = 0.05
OTHERS = "Let --proposer template or model write the prompts"


class AgentProposer:
    """Asks once; after an answer that is no prompt, once more, with what was wrong."""

    name: PromptSource = "agent"

    def __init__(
        self, argv: Sequence[str], templates: Templates, timeout_s: float = 300.0, stop: threading.Event | None = None
    ) -> None:
        """``argv``: the command that starts the agent. ``stop`` set: it is ended at once."""
        self.argv, self.templates, self.timeout_s = tuple(argv), templates, timeout_s
        self.stop = stop or threading.Event()
        self.profile = profile_of(self.argv) if self.argv else None
        if self.profile is None or not hasattr(self.profile, "headless"):
            raise ProposerError(f"{self.profile.title if self.profile else 'no agent'} cannot be asked for prompts", OTHERS)

    def propose(self, brief: Brief) -> Proposal:
        began = time.monotonic()
        text = self.templates.render_brief("agent.jinja", brief, CHARACTERS)

        def ask(rejected: Rejected | None) -> str:
            return self.answer(f"{text}\n\n{complaint(rejected)}" if rejected else text, brief.cwd)

        title = self.profile.title if self.profile else ""
        prompt, times = asked(ask, title, OTHERS)
        return Proposal(prompt, self.name, {"agent": title, "answers": times, "seconds": round(time.monotonic() - began, 3)})

    def answer(self, text: str, cwd: str) -> str:
        """What the agent answers. Raises ProposerError."""
        assert self.profile is not None
        launch = headless(self.profile, self.argv, text)
        with tempfile.TemporaryDirectory(prefix="procy-ask-") as folder:
            return Asked(self.profile.title, launch, Path(folder)).run(text, cwd or None, self.timeout_s, self.stop)


def headless(profile: Profile, argv: Sequence[str], text: str) -> Launch:
    """Raises ProposerError where the profile knows no such command."""
    try:
        launch = plugins.call(f"the profile {profile.name}", profile.headless, argv, text)
    except PluginError as error:
        cause = error.__cause__
        raise ProposerError(f"the profile {profile.name} failed: {one_line(cause) or type(cause).__name__}", OTHERS) from error
    except ProcyError as error:
        raise ProposerError(error.what, error.remedy) from error
    if launch is None:
        raise ProposerError(f"{profile.title} cannot be asked for prompts: it has no headless mode that procy knows", OTHERS)
    return launch


class Asked:
    """One run of a headless command; its files are in ``folder``, for its output may come from a process that outlives it."""

    def __init__(self, title: str, launch: Launch, folder: Path) -> None:
        self.title, self.folder = title, folder
        self.output, self.errors, self.answer_file = (folder / name for name in ("output", "errors", "answer"))
        private = folder / "settings.json"
        if launch.private:
            private.write_text(launch.private, encoding="utf-8")  # the folder is its owner's only
        stands = {PRIVATE_FILE: str(private), ANSWER_FILE: str(self.answer_file)}
        self.argv = [stands.get(word, word) for word in launch.argv]
        self.writes_answer = ANSWER_FILE in launch.argv
        changes = dict(launch.environment)
        kept = {name: value for name, value in os.environ.items() if name not in changes}
        self.environment = {**kept, **{name: value for name, value in changes.items() if value is not None}}

    def run(self, text: str, cwd: str | None, timeout_s: float, stop: threading.Event) -> str:
        prompt = self.folder / "prompt"
        prompt.write_text(text, encoding="utf-8", errors="replace")
        with prompt.open("rb") as read, self.output.open("wb") as output, self.errors.open("wb") as errors:
            try:
                process = subprocess.Popen(
                    self.argv, cwd=cwd, env=self.environment, stdin=read, stdout=output, stderr=errors, start_new_session=True
                )
            except OSError as error:
                what = f"cannot start {self.argv[0]} in {cwd or os.getcwd()}: {error.strerror}"
                raise ProposerError(what, f"Is it installed? {OTHERS}") from error
        try:
            status = ended(process, timeout_s, stop)
        finally:
            end(process)
        if status is None:
            if stop.is_set():
                raise ProposerError(f"stopped while {self.title} was asked")
            what = f"{self.title} gave no answer within {timeout_s:g} s"
            raise ProposerError(what, "Raise [evolve] proposer_timeout_s, or let --proposer template write the prompts")
        if status:
            raise ProposerError(f"{self.title} failed (exit status {status}): {self.last_line()}", self.remedy())
        return head(self.answer_file if self.writes_answer else self.output)

    def last_line(self) -> str:
        lines = [line for path in (self.errors, self.output) for line in reversed(tail(path).splitlines()) if line.strip()]
        return shorten(one_line(lines[0]), 300).rstrip(".") if lines else "it says nothing"

    def remedy(self) -> str:
        said = f"{tail(self.errors)} {tail(self.output)}".lower()
        if any(word in said for word in ("login", "log in", "logged in", "unauthorized", "401", "api key", "authentication")):
            return f"Log in: start {os.path.basename(self.argv[0])} once by hand. {OTHERS}"
        return OTHERS


def ended(process: subprocess.Popen[bytes], timeout_s: float, stop: threading.Event) -> int | None:
    """Its exit status; None where it did not end in time."""
    until = time.monotonic() + timeout_s
    while (status := process.poll()) is None and time.monotonic() < until and not stop.is_set():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
    return status


def end(process: subprocess.Popen[bytes]) -> None:
    """End it with all that it started: asked first, then killed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break  # nobody is left in the group
        until = time.monotonic() + GRACE_S
        while process.poll() is None and time.monotonic() < until:
            time.sleep(POLL_S)
    process.wait()


def head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4000))
        return file.read().decode("utf-8", "replace")
