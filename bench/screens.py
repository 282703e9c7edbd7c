"""Real agents read from their screens alone, against their own transcripts: the films in ``tests/recordings/screens``.

``PROCY_FILMS`` names another folder of films.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

from bench.table import table
from tests.parse.films import FILMS, TOLERANCE_MS, Score, everything_shown, films, load_film, read_film, score, truth_of

COLUMNS = ("agent", "turns", "prompts exact", "answer lines", "foreign lines", "turn ends", "tools", "invented")


def run() -> None:
    folder = Path(os.environ.get("PROCY_FILMS") or FILMS)
    totals: dict[str, Score] = defaultdict(Score)
    for path in films(folder):
        reads = load_film(path)
        found = score(truth_of(path), read_film(reads), everything_shown(reads))
        look = " ".join(path.relative_to(folder).parts[:-1])
        totals[look] += found
        totals["all"] += found
        if os.environ.get("PROCY_FILMS_EACH"):
            totals[f"{look} {path.name.split('.')[0]}"] += found
    rows = [row(name, one) for name, one in totals.items()]
    table("agents without a profile, against their transcripts", COLUMNS, rows,
          f"prompts ≥ 98 %, answer lines ≥ 97 %, turn ends ≥ 98 % (within {TOLERANCE_MS / 1000:g} s), none invented; in "
          "brackets what no screen ever showed")  # fmt: skip


def row(name: str, one: Score) -> tuple[object, ...]:
    prompts, lines, tools = one.turns - one.hidden_prompts, one.lines - one.hidden_lines, one.tools - one.hidden_tools
    return (
        name,
        one.turns,
        f"{share(one.prompts, prompts)} ({one.hidden_prompts})",
        f"{share(one.found, lines)} ({one.hidden_lines})",
        share(one.foreign, one.found + one.foreign),
        share(one.ends, one.turns),
        f"{one.tools_found}/{tools} ({one.hidden_tools})",
        one.invented,
    )


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
