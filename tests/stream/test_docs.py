"""The page's example runs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.conftest import Lab
from tests.stream.conftest import Start, message, texts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "streams.md"


def test_the_ten_lines_of_the_page_are_an_agent(stream: Start, lab: Lab) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    program = lab.root / "own.py"
    program.write_text(code)
    out, _, status = stream("--", sys.executable, str(program)).end(message("hello") + message("again"))
    assert texts(out) == ["You said: hello", "You said: again"] and status == 0
    assert [turn["prompt"] for turn in lab.until_turns(2)] == ["hello", "again"]
