"""The profile in ``docs/plugins.md``, installed as a package and met by a real recording."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.conftest import Lab, wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
RULE = "\u2500" * 12
DRAWN = f"""\
top() {{ printf '\\033[2J\\033[HOther Agent 1.0\\r\\na model\\r\\na directory\\r\\n\\r\\n'; }}
box() {{ printf '\\r\\n{RULE}\\r\\nλ \\r\\n{RULE}\\r\\n  ? for help\\033[%s;3H' "$1"; }}
printf '\\033[?2004h'; top; box 7
IFS= read -r line
top; printf 'λ %s\\r\\n\\r\\n  ▚ Working (press q to stop)\\r\\n\\r\\n  May I run ls?\\r\\n' "$line"; box 12
read -r go
top; printf 'λ %s\\r\\n\\r\\n◉ Heard: %s\\r\\n\\r\\n◉ Look(file.txt)\\r\\n  ↳ 3 lines\\r\\n' "$line" "$line"; box 13
read -r line
"""
SCRIPT = """\
while IFS= read -r line; do printf '%s\\t%s\\theard: %s\\n' "$(date +%s)" "$line" "$line" >> my-agent.log; done
"""


def install(site: Path) -> None:
    """As pip leaves it: the package, and a ``.dist-info`` with its entry points."""
    for name, text in re.findall(r"```python\n# (procy_my_agent/\w+\.py)\n(.*?)```", PAGE, re.DOTALL):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    (points,) = re.findall(r"```toml\n\[project\.entry-points\.procy\]\n(.*?)```", PAGE, re.DOTALL)
    info = site / "procy_my_agent-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: procy-my-agent\nVersion: 1.0\n")
    lines = [line.partition("#")[0].replace('"', "").strip() for line in points.splitlines()]
    (info / "entry_points.txt").write_text("\n".join(["[procy]", *lines]))


def test_the_example_of_the_documentation_records_its_agent(lab: Lab) -> None:
    install(lab.root / "site")
    agent, log = lab.root / "my-agent", lab.work / "my-agent.log"
    shutil.copy(shutil.which("dash") or "/bin/sh", agent)
    lab.environment["PYTHONPATH"] = str(lab.root / "site")
    lab.start()
    (lab.work / "script").write_text(SCRIPT)
    lab.type(f"procy record -- {agent} script")
    wait_until(lambda: [row["agent"] for row in lab.rows("SELECT agent FROM sessions")] == ["my-agent"], 30, "its session")
    lab.type("hello there")
    wait_until(log.exists, what="the agent's log")
    (turn,) = lab.until_turns(1)
    assert (turn["prompt"], turn["response"], turn["source"]) == ("hello there", "heard: hello there", "transcript")


def test_the_example_without_a_transcript_is_read_by_its_marks(lab: Lab) -> None:
    install(lab.root / "site")
    agent = lab.root / "other-agent"
    shutil.copy(shutil.which("dash") or "/bin/sh", agent)
    lab.environment["PYTHONPATH"] = str(lab.root / "site")
    lab.start()
    (lab.work / "script").write_text(DRAWN)
    lab.type(f"procy record -- {agent} script")
    lab.wait_for("? for help", 30)
    wait_until(lambda: lab.option("@procy_state") == "idle", what="idle")
    lab.type("hello there")
    wait_until(lambda: lab.option("@procy_state") == "waiting", what="its question")
    lab.press("Enter")
    (turn,) = lab.until_turns(1)
    assert (turn["prompt"], turn["response"], turn["source"]) == ("hello there", "Heard: hello there", "screen")
    assert [row["agent"] for row in lab.rows("SELECT agent FROM sessions")] == ["other-agent"]
    (call,) = lab.rows("SELECT name, input, result FROM tool_calls")
    assert tuple(call.values()) == ("Look", "file.txt", "3 lines")
