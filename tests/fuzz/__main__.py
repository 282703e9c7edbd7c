"""``python -m tests.fuzz [TARGET …] [--seconds N]``: coverage-guided fuzzing with atheris, one target after another.

Each target runs in a process of its own; what it dies of is kept under artifacts/fuzz. Exit status 1 when one died.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

NAMES = (
    "terminal", "transcript-claude_code", "transcript-codex", "transcript-stream", "transcript-gemini", "transcript-qwen",
    "transcript-opencode", "transcript-aider", "transcript-seed", "cast", "timing", "wire-turns", "sse", "wire", "settings",
    "secrets", "status",
)  # fmt: skip
FOLDER = Path("artifacts/fuzz")
MEMORY_MB = 1024
ONE_INPUT_S = 10  # one that takes longer hangs


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(NAMES)}")
    arguments.add_argument("--seconds", type=int, default=60, help="for each target")
    arguments.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.in_this_process:
        return fuzz(given.targets[0], given.seconds)
    failed = []
    for name in given.targets or NAMES:
        command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(given.seconds), "--in-this-process"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        runs = [line for line in done.stderr.splitlines() if line.startswith("Done ") or "DONE" in line]
        print(f"{name:24} {'ok  ' if done.returncode == 0 else 'DIED'} {runs[-1].strip() if runs else ''}", flush=True)
        if done.returncode:
            failed.append(name)
            (FOLDER / name / "last.txt").write_text(done.stdout + done.stderr)
            print("\n".join(done.stderr.splitlines()[-25:]))
    return 1 if failed else 0


def fuzz(name: str, seconds: int) -> int:
    import atheris

    with atheris.instrument_imports(include=["procy"]):
        from tests.fuzz.seeds import seeds
        from tests.fuzz.targets import TARGETS

    corpus = FOLDER / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY_MB}", f"-timeout={ONE_INPUT_S}", "-max_len=16384"]
    atheris.Setup([name, *options, f"-artifact_prefix={FOLDER / name}/", str(corpus)], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
