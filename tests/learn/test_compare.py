"""What is said of an adapter from measured rows: by hand-made ones whose answer is known."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from procy.errors import ServeError
from procy.learn.compare import curves, order, pairs
from procy.learn.compare.standing import refusal
from procy.learn.compare.words import lines_of


def rows(count: int, nll: float, hits: float, seed: int = 0) -> list[dict[str, Any]]:
    """``hits``: share of content pairs that are preferred and written right; of style all."""
    chance = random.Random(seed)
    found = []
    for place in range(count):
        kind = ("style", "content")[place % 2]
        hit = kind == "style" or chance.random() < hits
        found.append(
            {"id": str(place), "kind": kind, "nll": nll + chance.gauss(0, 0.02), "preferred": hit, "generation": float(hit)}
        )
    return found


def told(one: list[dict[str, Any]], other: list[dict[str, Any]], gain: float = 0.0, sessions: int = 16) -> dict[str, Any]:
    """``gain``: in likelihood where answers are scrambled."""
    groups = {row["id"]: str(int(row["id"]) % sessions) for row in one}
    control = [({**row, "nll": row["nll"] - gain}, row) for row in other]
    result = pairs.result_of(pairs.joined(one, other), groups, control, random.Random(0))
    result["verdict"], result["reasons"] = pairs.verdict_of(result)
    json.loads(json.dumps(result, allow_nan=False))
    return result


def test_a_better_adapter() -> None:
    result = told(rows(64, 0.1, 0.95), rows(64, 0.4, 0.5, seed=1), gain=0.05)
    assert result["verdict"] == "better"
    assert result["basis"] == "64 held-out pairs of 16 sessions"
    assert result["kinds"]["style"]["preference"]["adapter"][0] == 1.0
    assert result["kinds"]["content"]["preference"]["gain"][1] > 0
    assert result["control"]["beyond"][1] > 0
    assert any(line.startswith("content, 32 pairs: generation") for line in result["reasons"])


def test_style_alone_is_not_better() -> None:
    """All that was gained in likelihood is gained with scrambled answers too, and no advice is better than before."""
    result = told(rows(64, 0.1, 0.5), rows(64, 0.4, 0.5, seed=1), gain=0.3)
    assert result["verdict"] == "open"
    assert "60 %" in result["reasons"][-1] or "to show such a rate" in result["reasons"][-1]


def test_a_ruined_model_is_worse_whatever_it_prefers() -> None:
    ruined = [{**row, "generation": 0.0} for row in rows(64, 4.2, 1.0)]
    result = told(ruined, rows(64, 0.4, 0.5, seed=1))
    assert result["verdict"] == "worse"
    assert "lost beyond chance: likelihood, generation" in result["reasons"][-1]


def test_one_session_shows_nothing() -> None:
    result = told(rows(64, 0.1, 0.95), rows(64, 0.4, 0.5, seed=1), gain=0.05, sessions=1)
    assert result["verdict"] == "open"
    assert "one session" in result["reasons"][-1]


def test_few_pairs_are_told_how_many_it_takes() -> None:
    one = [{**row, "preferred": True, "generation": 1.0} for row in rows(8, 0.4, 1.0)]
    other = [{**row, "preferred": row["kind"] == "style", "generation": 1.0} for row in rows(8, 0.4, 1.0, seed=1)]
    one[1]["preferred"], other[1]["preferred"] = False, True
    result = told(one, other)
    content = result["kinds"]["content"]["preference"]
    assert (content["gained"], content["lost"], content["win_rate"], content["needed"]) == (3, 1, 0.75, 29)
    assert result["verdict"] == "open"


def test_rows_without_a_rejected_side_have_no_preference() -> None:
    plain = [{**row, "preferred": None, "kind": None} for row in rows(20, 0.1, 1.0)]
    result = told(plain, [{**row, "nll": 0.5} for row in plain])
    assert "preference" not in result["kinds"]["all"]
    assert "content" not in result["kinds"]


def test_scrambled_answers_are_those_of_others() -> None:
    right = [[{"role": "assistant", "content": f"remedy {place % 4}"}] for place in range(20)]
    some = [
        {"id": str(place), "prompt": [{"role": "user", "content": str(place)}], "chosen": right[place], "rejected": []}
        for place in range(20)
    ]
    mixed = pairs.scrambled(some, random.Random(3))
    assert [row["prompt"] for row in mixed] == [row["prompt"] for row in some]
    assert sorted(row["completion"][0]["content"] for row in mixed) == sorted(one[0]["content"] for one in right)
    assert all(row["completion"] != own for row, own in zip(mixed, right, strict=True))


def a_try(seq: int, score: float | None, decision: str) -> dict[str, Any]:
    return {"seq": seq, "score": score, "decision": decision}


def test_the_curve_of_a_run() -> None:
    tries = [a_try(0, 1.0, "kept"), a_try(1, 3.0, "reverted"), a_try(2, 2.0, "kept"), a_try(3, None, "failed")]
    assert curves.curve(tries, 5) == [1.0, 1.0, 2.0, 2.0, 2.0, 2.0]


def test_curves_that_lie_above() -> None:
    above = {seed: ([0, 0.5 + seed / 50, 0.9], [0, 0.1, 0.2 + seed / 70]) for seed in range(6)}
    result = curves.result_of(above, random.Random(0))
    assert curves.verdict_of(result)[0] == "better"
    assert result["p"] == pytest.approx(2 / 64)
    mixed = {0: ([0.0, 1.0], [0.0, 0.0]), 1: ([0.0, 0.0], [0.0, 1.0])}
    assert curves.verdict_of(curves.result_of(mixed, random.Random(0)))[0] == "open"
    single = curves.result_of({0: ([0.0, 1.0], [0.0, 0.0])}, random.Random(0))
    assert curves.verdict_of(single)[0] == "open"


def test_sessions_in_both_splits_are_not_held_out(tmp_path: Path) -> None:
    folder = tmp_path / "dpo"
    folder.mkdir()
    (folder / "train.jsonl").write_text('{"id": "1", "group": "a"}\n{"id": "2", "group": "b"}\n')
    (folder / "test.jsonl").write_text('{"id": "3", "group": "b"}\n')
    with pytest.raises(ServeError, match=r"1 sessions of .* are in train\.jsonl too"):
        order.test_file(tmp_path)
    (folder / "test.jsonl").write_text('{"id": "3", "group": "c", "prompt": "a\u2028b"}\n', encoding="utf-8")
    assert order.test_file(tmp_path) == folder / "test.jsonl"
    (folder / "test.jsonl").write_text('{"id": "3", "group": "c"}\nnot json\n')
    with pytest.raises(ServeError, match="line 2 of"):
        order.test_file(tmp_path)
    (folder / "test.jsonl").unlink()
    with pytest.raises(ServeError, match="no held-out rows"):
        order.test_file(tmp_path)


def test_what_is_not_shown_to_be_better_replaces_nothing() -> None:
    served = {"name": "old", "adapter_path": "/a"}
    assert refusal(None, "new", None) is None
    assert refusal({"verdict": "better"}, "new", served) is None
    assert refusal(None, "new", served) == (
        "new was not compared with old, which is served",
        "Do: procy compare new --against old; or replace it all the same: --force",
    )
    found = refusal({"verdict": "worse"}, "new", {"name": "tiny", "adapter_path": None})
    assert found is not None
    assert found[0] == "new was found to be worse than its base"


def test_a_comparison_in_words() -> None:
    result = told(rows(64, 0.1, 0.95), rows(64, 0.4, 0.5, seed=1), gain=0.05)
    lines = lines_of({"adapter": "first", "against": "base", "verdict": "better", "result": result})
    assert lines[0] == "first is better than its base (64 held-out pairs of 16 sessions)"
    assert len(lines) == 1 + len(result["reasons"])
