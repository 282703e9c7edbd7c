"""``python -m tests.guide``: play the hour of ``docs/guide.md``, and put its screens and pictures into the documentation."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests.guide.desk import ROOT, Desk, Failed
from tests.guide.hour import SCREENS, Hour
from tests.guide.pictures import take

GUIDE, IMAGES = ROOT / "docs" / "guide.md", ROOT / "docs" / "images"
HOME = Path(tempfile.gettempdir()) / "you"  # it is on the screens


def main() -> int:
    if HOME.exists():
        print(f"{HOME} is there already; remove it", file=sys.stderr)
        return 1
    desk = Desk(HOME)
    try:
        screens = Hour(desk).play()
        take(desk, IMAGES)
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        desk.stop()
    GUIDE.write_text(with_screens(GUIDE.read_text(encoding="utf-8"), screens), encoding="utf-8")
    return 0


def with_screens(guide: str, screens: dict[str, str]) -> str:
    """The guide with what was seen between ``<!-- screen: NAME -->`` and ``<!-- end -->``."""
    for name in SCREENS:
        text = "\n".join(line.rstrip() for line in screens[name].strip("\n").splitlines())
        block = f"<!-- screen: {name} -->\n```text\n{text}\n```\n<!-- end -->"
        guide, count = re.subn(rf"<!-- screen: {name} -->.*?<!-- end -->", lambda _: block, guide, flags=re.DOTALL)  # noqa: B023
        if count != 1:
            raise Failed(f"docs/guide.md has {count} places for the screen {name}")
    return guide


if __name__ == "__main__":
    sys.exit(main())
