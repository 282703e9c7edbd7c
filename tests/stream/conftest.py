"""Streams over the stub, as other programs start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Lab

STUB = str(Path(__file__).with_name("stub.py"))
LONG_S = 60


def message(text: str, **more: object) -> bytes:
    return json.dumps({"type": "user", "message": {"role": "user", "content": text}, **more}).encode() + b"\n"


class Running:
    """A stream that runs; ``procy stream`` with its arguments, or one of the old names."""

    def __init__(self, lab: Lab, *words: str, claude: str = "echo", **environment: str) -> None:
        folder = lab.root / "bin"
        if not folder.exists():
            folder.mkdir()
        program = folder / "claude"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {STUB} {claude} "$@"\n')
        program.chmod(0o755)
        module = ["procy.stream.scripts", *words] if words[0].startswith(("claudix", "codexx")) else ["procy", "stream", *words]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=lab.work,
            env={**lab.environment, "PATH": f"{folder}:{lab.environment['PATH']}", **environment},
        )  # fmt: skip
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr

    def send(self, data: bytes) -> None:
        self.stdin.write(data)
        self.stdin.flush()

    def line(self) -> dict[str, object]:
        return dict(json.loads(self.stdout.readline()))

    def until(self, kind: str) -> dict[str, object]:
        """The next line of that type."""
        while (line := self.line()).get("type") != kind:
            pass
        return line

    def end(self, data: bytes | None = None) -> tuple[bytes, str, int]:
        """Its output, its words and its status, after the input has ended."""
        out, err = self.process.communicate(data, LONG_S)
        return out, err.decode("utf-8", "replace"), self.process.returncode


Start = Callable[..., Running]


@pytest.fixture
def stream(lab: Lab) -> Iterator[Start]:
    started: list[Running] = []

    def start(*words: str, **more: str) -> Running:
        started.append(Running(lab, *words, **more))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        for file in (one.stdin, one.stdout, one.stderr):
            if not file.closed:
                file.close()


def texts(out: bytes) -> list[str]:
    """What the agent answered, in order."""
    lines = [json.loads(line) for line in out.splitlines()]
    return [block["text"] for line in lines if line["type"] == "assistant" for block in line["message"]["content"]]


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
