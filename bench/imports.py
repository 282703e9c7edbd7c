"""Importing what an agent kept: rate and memory, beside claude-code-log where it is asked for, and searching it beside ripgrep.

``PROCY_BENCH_MB`` is the size (default 40). ``PROCY_BENCH_CLAUDE_CODE_LOG=1`` installs claude-code-log from PyPI into a folder
that is thrown away, and lets it make its pages of the same files.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.corpus import START_NS, WORDS, Prose
from bench.table import megabytes, milliseconds, table
from procy.store import read
from procy.store.db import iso, open_reader

MB = int(os.environ.get("PROCY_BENCH_MB") or 40)
FILE_MB = 4
QUERIES = {"common word": WORDS[3], "rare word": WORDS[15_000], "two words": f"{WORDS[40]} {WORDS[90]}"}
COMMON = {
    "parentUuid": None, "isSidechain": False, "cwd": "/home/you/project", "gitBranch": "main", "version": "2.1.329",
    "userType": "external",
}  # fmt: skip
USAGE = {"input_tokens": 4, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 20_000, "output_tokens": 400}


class Run(NamedTuple):
    """Wall and processor seconds, and the most memory of it in bytes."""

    wall_s: float
    cpu_s: float
    memory: int


def run() -> None:
    with tempfile.TemporaryDirectory() as root:
        small, large = Path(root, "small"), Path(root, "large")
        make(small, FILE_MB, 1)
        turns = make(large, MB, 2)
        home = Path(root, "home")
        rows = [("procy import, one file", FILE_MB, 0, procy(small, Path(root, "other")))]
        rows.append(("procy import", MB, turns, procy(large, home)))
        rows.append(("the same again", MB, turns, procy(large, home)))
        if os.environ.get("PROCY_BENCH_CLAUDE_CODE_LOG"):
            rows.append(("claude-code-log", MB, turns, claude_code_log(large, Path(root))))
        table(
            f"import ({MB} MB of transcripts in files of {FILE_MB} MB)",
            ("by", "wall", "CPU", "MB/s of CPU", "turns/s of CPU", "memory"),
            [columns_of(*row) for row in rows],
            "memory that does not grow with the number of files",
        )
        search(large, str(home / "procy.db"))


def columns_of(name: str, size: int, turns: int, one: Run) -> tuple[str, ...]:
    rates = (f"{size / one.cpu_s:.1f}", f"{turns / one.cpu_s:,.0f}" if turns else "")
    return (name, f"{one.wall_s:.1f} s", f"{one.cpu_s:.1f} s", *rates, megabytes(one.memory))


def make(folder: Path, size_mb: int, seed: int) -> int:
    """Transcripts in Claude Code's form; returns how many turns there are."""
    prose, chance, turns = Prose(seed), random.Random(seed), 0
    for number in range(max(size_mb // FILE_MB, 1)):
        session = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        path = folder / f"-home-you-project{number % 5}" / f"{session}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            at_ns = START_NS + number * 10**13
            while file.tell() < FILE_MB * 1_000_000:
                turns += 1
                for line_ns, fields in turn(prose, chance, at_ns):
                    key = str(uuid.UUID(int=chance.getrandbits(128), version=4))
                    line = {"uuid": key, "timestamp": iso(line_ns), "sessionId": session}
                    file.write(json.dumps({**COMMON, **line, **fields}) + "\n")
                at_ns = line_ns + 10**9
    return turns


def turn(prose: Prose, chance: random.Random, at_ns: int) -> Iterator[tuple[int, dict[str, object]]]:
    """A prompt, some tool calls with their results, an answer."""
    human = {"origin": {"kind": "human"}, "promptSource": "typed"}
    yield at_ns, {"type": "user", "message": {"role": "user", "content": prose.words(30)}, **human}
    for _ in range(chance.randint(1, 7)):
        at_ns += 10**9
        call = f"toolu_{chance.getrandbits(96):x}"
        yield at_ns, said(chance, [{"type": "text", "text": prose.words(25)}], "tool_use")
        tool = {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": prose.words(8)}}
        yield at_ns, said(chance, [tool], "tool_use")
        output = prose.words(int(chance.paretovariate(1.2) * 60) % 3000)
        result = {"type": "tool_result", "tool_use_id": call, "content": output, "is_error": False}
        details = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}
        yield at_ns + 10**8, {"type": "user", "message": {"role": "user", "content": [result]}, "toolUseResult": details}
    yield at_ns + 10**9, said(chance, [{"type": "text", "text": prose.answer(120)}], "end_turn")


def said(chance: random.Random, content: list[object], reason: str) -> dict[str, object]:
    message = {"id": f"msg_{chance.getrandbits(96):x}", "type": "message", "role": "assistant", "model": "claude-opus-5-5"}
    ended = {"content": content, "stop_reason": reason, "stop_sequence": None, "usage": USAGE}
    return {"type": "assistant", "requestId": f"req_{chance.getrandbits(64):x}", "message": {**message, **ended}}


# -- imports ------------------------------------------------------------------------------------------------------------


def procy(source: Path, home: Path) -> Run:
    environment = {**os.environ, "PROCY_HOME": str(home), "PROCY_CONFIG": str(home / "config.toml")}
    return measured([sys.executable, "-m", "procy", "import", "claude", str(source)], environment)


def claude_code_log(source: Path, root: Path) -> Run:
    """All its pages, without a cache of earlier ones."""
    place = root / "claude-code-log"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    subprocess.run([str(place / "bin" / "pip"), "install", "--quiet", "claude-code-log"], check=True)
    version = subprocess.run([str(place / "bin" / "claude-code-log"), "--version"], capture_output=True, text=True, check=False)
    print(f"\nclaude-code-log: {version.stdout.strip()}")
    copy = root / "projects"
    shutil.copytree(source, copy)
    return measured([str(place / "bin" / "claude-code-log"), "--all-projects", str(copy)], {**os.environ, "HOME": str(root)})


def measured(command: list[str], environment: dict[str, str]) -> Run:
    """One process; its memory is asked of the system when it has ended."""
    began = time.perf_counter()
    program = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert program.stderr
    words = program.stderr.read().decode()
    program.stderr.close()
    _, status, used = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        raise SystemExit(f"{command[:4]} failed: {words[-2000:]}")
    return Run(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


# -- searches -----------------------------------------------------------------------------------------------------------


def search(source: Path, db: str) -> None:
    rg = shutil.which("rg")
    if rg is None:
        print("\nripgrep is not here (apt-get install ripgrep): searches are not compared")
    rows = []
    with open_reader(db) as connection:
        for name, words in QUERIES.items():
            found = len(read.search_turns(connection, words, 20))
            ours = best(lambda words=words: used(lambda: read.search_turns(connection, words, 20)))
            whole = best(lambda words=words: started([sys.executable, "-m", "procy", "search", "--db", db, *words.split()]))
            theirs = (
                best(lambda words=words: started([str(rg), "--files-with-matches", *pattern(words), str(source)])) if rg else 0
            )
            rows.append((name, found, milliseconds(ours), milliseconds(whole), milliseconds(theirs) if theirs else "-"))
    table("search (CPU, best of 3; ripgrep over the transcripts)", ("for", "found", "query", "procy search", "rg -l"), rows)


def pattern(words: str) -> list[str]:
    """A line with all of them, in either order."""
    first, *more = words.split()
    return ["-w", "-e", first] if not more else ["-e", rf"\b{first}\b.*\b{more[0]}\b", "-e", rf"\b{more[0]}\b.*\b{first}\b"]


def used(action: Callable[[], object]) -> float:
    """Processor seconds in this process."""
    began = time.process_time()
    action()
    return time.process_time() - began


def started(command: list[str]) -> float:
    """Processor seconds of a command."""
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def best(action: Callable[[], float]) -> float:
    return min(action() for _ in range(3))
