"""What is read off the screens of real agents: a change of it is seen here. ``python -m tests.parse.test_films`` renews."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from procy.types import Read
from tests.parse.films import FILMS, answer_lines, films, load_film, read_film, same_prompt, truth_of

LEAST = {"aider": 0.6, "opencode": 0.85}  # of answer lines: aider renumbers lists and hides its edits, OpenCode cuts long output
QUICK = [path for path in films() if path.name.startswith(("talk", "tools"))]


def name_of(path: Path) -> str:
    return str(path.relative_to(FILMS)).removesuffix(".cast.xz")


def snapshot_of(path: Path) -> Path:
    return path.with_name(path.name.replace(".cast.xz", ".read.json"))


def reading(reads: list[Read]) -> list[dict[str, object]]:
    began_ns = reads[0].time_ns
    return [
        {
            "prompt": turn.prompt,
            "response": turn.response,
            "status": turn.status,
            "seconds": [round((at_ns - began_ns) / 1e9, 2) for at_ns in (turn.started_ns, turn.ended_ns or 0)],
            "tools": [[call.name, call.input, call.result] for call in turn.tool_calls],
        }
        for turn in read_film(reads)
    ]


@pytest.mark.parametrize("path", QUICK, ids=name_of)
def test_a_film_is_read_as_it_was(path: Path) -> None:
    assert reading(load_film(path)) == json.loads(snapshot_of(path).read_text())


@pytest.mark.parametrize("path", QUICK, ids=name_of)
def test_what_is_kept_as_read_is_what_the_agent_tells(path: Path) -> None:
    """The snapshot against the transcript: nobody renews it with a worse reading unseen."""
    truth, seen = truth_of(path), json.loads(snapshot_of(path).read_text())
    assert len(seen) == len(truth), "a turn is missing, or invented"
    exact = sum(same_prompt(told["prompt"], turn["prompt"]) for told, turn in zip(truth, seen, strict=True))
    assert exact >= len(truth) - 1, "Codex draws the Markdown of a prompt"
    told = [line for turn in truth for line in answer_lines(turn["response"])]
    read = [line for turn in seen for line in answer_lines(turn["response"])]
    assert len(set(told) & set(read)) >= LEAST.get(path.relative_to(FILMS).parts[0], 0.95) * len(set(told))


@pytest.mark.parametrize("path", [path for path in QUICK if path.name.startswith("tools")], ids=name_of)
def test_a_film_in_pieces_is_read_the_same(path: Path) -> None:
    reads, chance = load_film(path), random.Random(7)
    pieces = []
    for read in reads:
        place = 0
        while place < len(read.data):
            size = chance.randint(1, 400)
            pieces.append(read._replace(offset=read.offset + place, data=read.data[place : place + size]))
            place += size
    assert reading(pieces) == reading(reads)


if __name__ == "__main__":
    for path in QUICK:
        snapshot_of(path).write_text(json.dumps(reading(load_film(path)), ensure_ascii=False, indent=1) + "\n")
        print(name_of(path))
