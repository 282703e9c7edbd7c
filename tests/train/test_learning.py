"""Does a tiny model learn what the corrections say, and only where they say something?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.train.conftest import DPO, Lesson, probe, script, told

pytestmark = [pytest.mark.train, pytest.mark.timeout(1400)]

MERGED = """
import json, sys, measure
rows = measure.rows_for(sys.argv[3])[:12]
model, tokenizer = measure.load(sys.argv[1], sys.argv[2])
one = measure.measured(model, tokenizer, rows)
two = measure.measured(model.merge_and_unload(), tokenizer, rows)
print(json.dumps([[[a["answer"], b["answer"], a["nll"], b["nll"]] for a, b in zip(one, two)]]))
"""


def test_right_corrections_teach_and_scrambled_ones_do_not(lessons: list[Lesson]) -> None:
    for lesson in lessons:
        base, sft, control, dpo = lesson.stages.values()
        assert sft["preference_content"] >= 0.75 and control["preference_content"] <= 0.65, lesson.stages
        assert sft["generation"] >= base["generation"] + 0.25 and sft["generation"] >= control["generation"] + 0.25
        assert sft["nll"] <= 0.7 * base["nll"]
        assert dpo["generation"] >= sft["generation"] - 0.10 and dpo["nll"] <= base["nll"]
        assert dpo["preference_style"] >= 0.9 and dpo["preference_content"] >= 0.75


def test_an_adapter_says_what_it_was_made_of(lesson: Lesson) -> None:
    for name, method in (("sft", "sft"), ("sft+dpo", "sft+dpo")):
        facts = json.loads((lesson.folder / name / "procy.json").read_text())
        assert facts["method"] == method and facts["base"]["parts"].keys() == {"config", "weights", "tokenizer", "chat_template"}
        assert len(facts["canary"]) == 3
        assert any(one["adapter"]["answer"] != one["base"]["answer"] for one in facts["canary"])
        files = {one.name for one in (lesson.folder / name).iterdir()}
        assert "adapter_model.safetensors" in files and not files & {"training_args.bin", "ref", "checkpoints"}
    assert json.loads(script("fingerprint.py", lesson.base).stdout) == {
        name: facts["base"][name] for name in ("sha256", "parts")
    }  # fmt: skip


def test_saved_reloaded_and_merged_are_the_same(lesson: Lesson, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    adapter = lesson.folder / "sft+dpo"
    script("measure.py", "--model", lesson.base, "--adapter", adapter, "--data", lesson.test, "--json", out, "--generate", 100)
    again = json.loads(out.read_text())
    assert again["summary"]["nll"] == pytest.approx(lesson.stages["sft+dpo"]["nll"], abs=1e-4)
    assert again["summary"]["generation"] == lesson.stages["sft+dpo"]["generation"]
    assert {row["kind"] for row in again["rows"]} == {"style", "content"}
    [pairs] = json.loads(probe(MERGED, str(lesson.base), str(adapter), str(lesson.test)))
    for answer, merged, nll, nll_merged in pairs:
        assert answer == merged and nll == pytest.approx(nll_merged, abs=1e-3)


def test_preferences_alone_ruin_it_and_are_stopped(lesson: Lesson, tmp_path: Path) -> None:
    given = ("--data", lesson.folder / "right", "--test", lesson.test, "--model", lesson.base, "--output", tmp_path)
    words = ("--sft-weight", 0, "--epochs", 50, "--lr", "1e-3")
    done = script("dpo.py", *given, *words, check=False)
    looks = [one for one in told(done, "measured") if "nll_base" in one]
    assert looks and looks[-1]["nll"] > looks[-1]["nll_base"] and looks[-1]["step"] < looks[-1]["steps"]
    if done.returncode:
        assert "right prompts were less likely than to the base" in done.stderr
    else:
        [last] = told(done, "done")
        assert last["after"]["nll"] <= last["before"]["nll"] + 1e-3


def test_kto_learns_from_prompts_alone(lesson: Lesson, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (lesson.folder / "right" / "dpo" / "train.jsonl").read_text().splitlines()]
    lines = [
        json.dumps({"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}) + "\n"
        for row in rows
        for side in ("chosen", "rejected")
    ]
    data = tmp_path / "kto.jsonl"
    data.write_text("".join(lines))
    given = ("--data", data, "--test", lesson.test, "--model", lesson.base, "--output", tmp_path / "out", "--no-guard")
    [last] = told(script("kto.py", *given, "--epochs", 8, "--lr", "1e-3"), "done")
    assert last["after"]["preference_style"] > last["before"]["preference_style"]
    data.write_text("".join(lines[::2]))
    refused = script("kto.py", *given, check=False)
    assert refused.returncode == 1 and "from one label there is nothing to tell apart" in refused.stderr


def test_an_adapter_of_another_base_is_not_gone_on_from(lesson: Lesson, tmp_path: Path) -> None:
    script("tiny.py", tmp_path / "other", "--seed", 7, "--steps", 2)
    given = ("--data", lesson.folder / "right", "--model", tmp_path / "other" / "base", "--output", tmp_path / "out")
    done = script("dpo.py", *given, "--adapter", lesson.folder / "sft", *DPO, check=False)
    assert done.returncode == 1 and "is an adapter of another base" in done.stderr
