"""What a real run of the scripted agent and a real correction become as training data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.evolve.conftest import Bench


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def test_a_run_and_a_correction_become_rows_that_know_only_what_came_before(bench: Bench) -> None:
    bench.begin()
    bench.evolve("4", "--goal", "count better", "--yes")
    run = bench.until("done")
    tries = run["tries"]
    bench.lab.procy("correct", tries[2]["turn_id"], "--to", "Let words keep their apostrophes, and nothing else", inside=True)
    out = bench.lab.root / "data"
    manifest = json.loads(bench.lab.procy("export", "all", "--held-out", "0", "-o", str(out), "--json").stdout)
    sft, dpo, kto = (lines(out / method / "train.jsonl") for method in ("sft", "dpo", "kto"))
    check_texts(sft, tries)
    check_pairs(dpo, tries)
    labels = {(row["id"], row["label"]) for row in kto if row["category"] == "proxy"}
    assert labels and labels <= {(row["id"], row["decision"] == "kept") for row in tries[1:]}
    assert manifest["rows"]["sft"]["train"]["proxy"] == sum(row["decision"] == "kept" for row in tries[1:])
    assert manifest == {"path": str(out), **json.loads((out / "manifest.json").read_text())}
    [row] = bench.lab.rows("SELECT * FROM datasets")
    assert (row["sha256"], row["rows"]) == (manifest["sha256"], len(sft) + len(dpo) + len(kto))
    seed = bench.lab.root / "procy_train.jsonl"
    bench.lab.procy("export", "seed", "-o", str(seed))
    assert all(set(row) == {"instruction", "output"} for row in lines(seed)) and len(lines(seed)) == len(sft)


def check_texts(rows: list[dict[str, Any]], tries: list[dict[str, Any]]) -> None:
    by_id = {row["id"]: row for row in rows}
    for row in tries[1:]:
        if row["decision"] != "kept":
            assert row["id"] not in by_id
            continue
        system, user = by_id[row["id"]]["prompt"]
        assert system["role"] == "system" and "You direct a coding agent" in system["content"]
        assert f"This is try {row['seq']} of 4" in user["content"] and "Goal: count better" in user["content"]
        assert f"try {row['seq']} (" not in user["content"], "nothing of how it ended"
        for other in tries[1:]:
            told = other["proposed"].split("\n")[0][:40] in user["content"]
            assert told == (other["seq"] < row["seq"]), (row["seq"], other["seq"])
        assert by_id[row["id"]]["completion"] == [{"role": "assistant", "content": row["proposed"]}]
    [corrected] = [row for row in rows if row["category"] == "corrected"]
    assert corrected["completion"][0]["content"] == "Let words keep their apostrophes, and nothing else"
    assert "This is try 2 of 4" in corrected["prompt"][1]["content"]
    assert "apostrophes, and nothing else" not in corrected["prompt"][1]["content"]


def check_pairs(rows: list[dict[str, Any]], tries: list[dict[str, Any]]) -> None:
    [corrected] = [row for row in rows if row["category"] == "corrected"]
    assert corrected["rejected"][0]["content"] == tries[2]["proposed"].strip() and corrected["margin"] == 0.0
    assert any(row["prompt"] != row["proposed"] for row in tries[1:]), "no try had an account before its prompt"
    proposed = {row["proposed"].strip() for row in tries[1:]}
    for row in rows:
        if row["category"] == "preferences":
            assert {row["chosen"][0]["content"], row["rejected"][0]["content"]} <= proposed
        assert set(row) == {"prompt", "chosen", "rejected", "margin", "id", "category", "group", "at", "weight"}
        if row["category"] == "preferences":
            assert row["margin"] > 0
