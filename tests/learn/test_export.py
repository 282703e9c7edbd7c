"""Conversations and corrections as training data: what is left out and why, what is held out, what is new."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from procy.errors import ProcyError
from procy.learn.correct import keep
from procy.learn.export.order import Order, carry_out
from procy.parse.redact import mask
from procy.places import Places
from procy.settings import Settings
from procy.store import datasets, write
from procy.store.corrections import Pair
from procy.store.db import iso, open_reader, open_writer
from procy.types import Turn

NOW = 1_795_000_000_000_000_000
MINUTE = 60_000_000_000
WORDS = ["parser", "cache", "index", "retry", "socket", "buffer", "render", "token", "thread", "queue", "driver", "kernel",
         "matrix", "header", "schema", "filter"]  # fmt: skip
VERBS = ["move", "split", "rename", "cache", "drop", "merge", "guard", "count", "sort", "widen", "narrow", "pin"]


def asked(number: int) -> str:
    """Prompts that have little in common."""
    luck = Random(number)
    return " ".join(f"{verb} the {luck.choice(WORDS)} {number}-{luck.randrange(9999)}" for verb in luck.sample(VERBS, 4))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    home = tmp_path / "home"
    home.mkdir()
    return Places(str(home), str(home / "procy.db"), str(home / "spool"), str(tmp_path / "config.toml"))


def talk(places: Places, session: str, prompts: list[str], minute: int = 0, **more: Any) -> list[str]:
    """A session with these prompts; returns the turns' ids."""
    connection = open_writer(places.db)
    with write.transaction(connection):
        values = {"agent": "claude-code", "started_at": iso(NOW), "cwd": "/home/marguerite/shop", **more}
        write.put_session(connection, session, values)
        for number, prompt in enumerate(prompts):
            began = NOW + (minute + number) * MINUTE
            turn = Turn(key=f"{session}-{number}", prompt=prompt, response=f"Answer to {prompt}", status="done", started_ns=began,
                        ended_ns=began + 1)  # fmt: skip
            write.put_turn(connection, session, turn, mask, None)
    rows = connection.execute("SELECT id FROM turns WHERE session_id = ? ORDER BY seq", (session,)).fetchall()
    connection.close()
    return [row[0] for row in rows]


def correct(places: Places, turn_id: str, rejected: str, chosen: str, minute: int = 500) -> str:
    connection = open_writer(places.db)
    with write.transaction(connection):
        made = keep(connection, NOW + minute * MINUTE, Pair(turn_id, None, rejected, chosen, "", "me"))
    connection.close()
    return made


def export(places: Places, out: Path, *methods: str, **more: Any) -> dict[str, Any]:
    manifest, place = carry_out(places, Settings(), Order(methods=methods or ("sft",), out=out, **{"held_out": 0.0, **more}))
    return {**manifest, "place": place}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_prompt_is_told_what_was_said_before_it_and_not_its_answer(places: Places, tmp_path: Path) -> None:
    talk(places, "A" * 26, [asked(1), asked(2), asked(3)])
    export(places, tmp_path / "out")
    by_text = {row["completion"][0]["content"]: row["prompt"][1]["content"] for row in rows(tmp_path / "out/sft/train.jsonl")}
    assert set(by_text) == {asked(1), asked(2), asked(3)}
    assert asked(1) in by_text[asked(3)] and f"Answer to {asked(2)}" in by_text[asked(3)]
    assert (
        asked(3) not in by_text[asked(3)] and asked(2) not in by_text[asked(1)] and "Nothing was asked yet" in by_text[asked(1)]
    )
    assert "claude-code, in shop" in by_text[asked(1)]


def test_every_row_that_is_left_out_is_counted_with_its_reason(places: Places, tmp_path: Path) -> None:
    prompts = ["1", "y", "/clear", asked(1), asked(1), asked(2), asked(2) + ".", "x" * 9000, asked(4)]
    turns = talk(places, "A" * 26, prompts)
    correct(places, turns[-1], asked(4), asked(5))
    manifest = export(places, tmp_path / "out")
    assert manifest["dropped"] == {
        "human": {"answer": 2, "command": 1, "duplicate": 1, "near": 1, "long": 1, "corrected": 1}
    }  # fmt: skip
    assert manifest["rows"]["sft"]["train"] == {"corrected": 1, "human": 2}
    assert "2 × answers a dialog only" in (tmp_path / "out/README.md").read_text()


def test_what_only_the_scanner_knows_is_masked_wherever_it_stands(places: Places, tmp_path: Path) -> None:
    secret = 'set password = "hunter2correcthorse" in the service and restart it'
    talk(places, "A" * 26, [secret, asked(1)])
    manifest = export(places, tmp_path / "out")
    assert manifest["scrubbed"] == {"secret": 2} and not manifest["dropped"]
    text = (tmp_path / "out/sft/train.jsonl").read_text()
    assert "hunter2" not in text and text.count("[redacted:found]") == 3, "in the answer that repeats it, too"
    assert [path.name for path in (tmp_path / "out/sft").iterdir()] == ["train.jsonl"]


def test_names_and_places_are_no_part_of_it(places: Places, tmp_path: Path) -> None:
    talk(places, "A" * 26, ["ask ada@corp.example about /home/marguerite/shop/main.py on 10.2.3.4 please", asked(1)])
    export(places, tmp_path / "out", "sft", "dpo", "kto")
    whole = "".join(path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert "<email-1>" in whole and "/home/<user-1>/shop" in whole and "<address-1>" in whole
    assert not [word for word in ("ada@", "marguerite", "10.2.3.4", "A" * 26) if word in whole]


def test_a_session_is_in_one_split_and_stays_there(places: Places, tmp_path: Path) -> None:
    for number in range(40):
        talk(places, f"{number:026d}", [asked(2 * number), asked(2 * number + 1)])
    export(places, tmp_path / "one", held_out=0.3)
    train, test = (rows(tmp_path / f"one/sft/{split}.jsonl") for split in ("train", "test"))
    assert len(train) > len(test) > 5
    assert not {row["group"] for row in train} & {row["group"] for row in test}
    export(places, tmp_path / "two", held_out=0.3)
    assert {row["id"] for row in rows(tmp_path / "two/sft/test.jsonl")} == {row["id"] for row in test}


def test_what_is_learned_is_no_test(places: Places, tmp_path: Path) -> None:
    for number in range(30):
        talk(places, f"{number:026d}", [f"{asked(1)}, and {'never' * (number % 2)} stop at number {number}"])
    manifest = export(places, tmp_path / "out", held_out=0.5)
    assert manifest["dropped"]["human"]["near"] > 10
    assert sum(manifest["rows"]["sft"]["train"].values()) and not manifest["rows"]["sft"]["test"]


def test_pairs_and_labels_of_a_correction(places: Places, tmp_path: Path) -> None:
    turns = talk(places, "A" * 26, [asked(1), asked(2)])
    correct(places, turns[1], asked(2), asked(9))
    export(places, tmp_path / "out", "dpo", "kto")
    [pair] = rows(tmp_path / "out/dpo/train.jsonl")
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == (asked(9), asked(2))
    assert asked(1) in pair["prompt"][1]["content"] and asked(2) not in pair["prompt"][1]["content"]
    labels = {row["completion"][0]["content"]: (row["label"], row["weight"]) for row in rows(tmp_path / "out/kto/train.jsonl")}
    assert labels == {asked(9): (True, 1.0), asked(2): (False, 1.0), asked(1): (True, 0.5)}


def test_only_what_is_new(places: Places, tmp_path: Path) -> None:
    out = tmp_path / "out"
    talk(places, "A" * 26, [asked(1), asked(2)])
    assert export(places, out, is_incremental=True)["rows"]["sft"]["train"] == {"human": 2}
    assert export(places, out, is_incremental=True)["place"] is None
    assert len(list(out.iterdir())) == 1, "no folder where nothing is new"
    talk(places, "B" * 26, [asked(3)], minute=60)
    found = export(places, out, is_incremental=True)
    assert found["rows"]["sft"]["train"] == {"human": 1}
    assert rows(found["place"] / "sft/train.jsonl")[0]["completion"][0]["content"] == asked(3)


def test_an_export_is_whole_or_not_there(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    talk(places, "A" * 26, [asked(1)])
    export(places, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    talk(places, "B" * 26, [asked(2)])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("procy.learn.export.order.write_manifest", full)
    with pytest.raises(ProcyError, match="No space left"):
        export(places, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_folder_of_somebody_elses_is_left_alone(places: Places, tmp_path: Path) -> None:
    talk(places, "A" * 26, [asked(1)])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ProcyError, match="is no export"):
        export(places, tmp_path / "out")


def test_of_one_session_alone(places: Places, tmp_path: Path) -> None:
    for session, numbers in (("A" * 26, (1, 2)), ("B" * 26, (3, 4, 5))):
        talk(places, session, ["/clear", *map(asked, numbers), "y"])
    manifest = export(places, tmp_path / "out", sessions=frozenset({"A" * 26}))
    assert {row["completion"][0]["content"] for row in rows(tmp_path / "out/sft/train.jsonl")} == {asked(1), asked(2)}
    assert manifest["dropped"] == {"human": {"command": 1, "answer": 1}}, "what is left out of others is not told"


def test_how_long_rows_are(places: Places, tmp_path: Path) -> None:
    [turn] = talk(places, "A" * 26, ["Do it"])
    correct(places, turn, "Do it", "Do it well, and tell me what you measured")
    lengths = export(places, tmp_path / "out", "sft", "dpo")["lengths"]
    assert (lengths["unit"], lengths["tokenizer"], list(lengths["files"])) == (
        "characters",
        "",
        ["dpo/train.jsonl", "sft/train.jsonl"],
    )
    [row] = rows(tmp_path / "out/dpo/train.jsonl")
    known = sum(len(one["content"]) for one in row["prompt"]) + len("Do it well, and tell me what you measured")
    assert lengths["files"]["dpo/train.jsonl"] == {"rows": 1, "total": known, "median": known, "p95": known, "most": known}
    assert f"| dpo/train.jsonl | 1 | {known} |" in (tmp_path / "out" / "README.md").read_text()


def test_one_file(places: Places, tmp_path: Path) -> None:
    talk(places, "A" * 26, [asked(1), asked(2)])
    export(places, tmp_path / "rows.jsonl")
    assert len(rows(tmp_path / "rows.jsonl")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["home", "rows.jsonl"] or len(list(tmp_path.iterdir())) == 2


def test_the_database_knows_whose_words_went_where(places: Places, tmp_path: Path) -> None:
    talk(places, "A" * 26, [asked(1)])
    talk(places, "B" * 26, ["y"])
    export(places, tmp_path / "out")
    with open_reader(places.db) as connection:
        [(method, path, _)] = datasets.with_sessions(connection, ["A" * 26])
        assert (method, path) == ("sft", str(tmp_path / "out"))
        assert datasets.with_sessions(connection, ["B" * 26]) == []
