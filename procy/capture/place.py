"""Where a session happens: the repository around a directory, and the environment a program is started with."""

import os
import shlex
import subprocess
from pathlib import Path

OF_THE_TERMINAL = {"TMUX", "TMUX_PANE", "TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "COLORTERM", "COLUMNS", "LINES", "PWD", "OLDPWD", "SHLVL", "_"}  # fmt: skip  # noqa: E501


def repository(cwd: str) -> tuple[tuple[str, str], ...]:
    """(repo, its top directory), (branch, …), (git_head, …) of a directory in a git repository; nothing outside one."""
    command = ["git", "-C", cwd, "rev-parse", "--show-toplevel", "--abbrev-ref", "HEAD"]
    try:
        top = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        head = subprocess.run(
            [*command[:3], "rev-parse", "--verify", "-q", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = top.stdout.splitlines()
    if not lines:
        return ()
    branch = lines[1] if len(lines) > 1 else ""
    return (("repo", lines[0]), ("branch", branch), ("git_head", head.stdout.strip()))


def write_environment(path: Path, changes: tuple[tuple[str, str | None], ...]) -> None:
    """Shell lines that give a program this process's environment, with changes; read and removed by ``linger.sh``."""
    wanted = {name: value for name, value in os.environ.items() if name.isidentifier() and name not in OF_THE_TERMINAL}
    lines = []
    for name, value in changes:
        wanted.pop(name, None)
        lines.append(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")
    lines += [f"export {name}={shlex.quote(value)}" for name, value in wanted.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
    path.chmod(0o600)
