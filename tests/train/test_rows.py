"""What a trainer would drop or mistake in silence is refused and counted, or ends it. No torch: part of the usual suite."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"train_{name}", ROOT / "train" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


rows = loaded("rows")
fingerprint = loaded("fingerprint")
progress = loaded("progress")
PROMPT = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "old"}, {"role": "user", "content": "new"}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def written(path: Path, *values: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in values), encoding="utf-8")
    return path


def words(messages: list[dict[str, str]]) -> int:
    return sum(len(one["content"].split()) for one in messages)


def test_pairs_that_teach_nothing_are_refused_and_counted(tmp_path: Path) -> None:
    pair = {"prompt": PROMPT, "chosen": said("a"), "rejected": said("b")}
    path = written(tmp_path / "t.jsonl", pair, {**pair, "rejected": said(" a\n")}, {**pair, "chosen": said("  ")}, {"prompt": 3})
    found = rows.read(path, "dpo")
    assert len(found.rows) == 1 and dict(found.refused) == {"same": 1, "empty": 1, "broken": 1}
    assert "refused 1 row: chosen is the same as rejected (line 2)" in rows.told(found)


def test_a_corrupt_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", {"prompt": "x", "completion": "y"}, '{"prompt": "x", "compl\n')
    with pytest.raises(rows.DataError, match=r"line 2 of .*t\.jsonl is no JSON"):
        rows.read(path, "sft")


def test_rows_of_the_first_procy_and_pairs_can_be_imitated(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.jsonl",
        {"instruction": "do", "output": "done"},
        {"prompt": PROMPT, "chosen": said("a"), "rejected": said("b")},
    )
    first, second = rows.read(path, "sft").rows
    assert first == {"prompt": [{"role": "user", "content": "do"}], "completion": said("done")}
    assert second["completion"] == said("a")


def test_one_label_alone_is_refused(tmp_path: Path) -> None:
    good = {"prompt": PROMPT, "completion": said("a"), "label": True}
    with pytest.raises(rows.DataError, match="are good"):
        rows.read(written(tmp_path / "t.jsonl", good, good), "kto")
    path = written(tmp_path / "t.jsonl", good, {**good, "completion": said("x " * 9), "label": False})
    found = rows.fit(rows.read(path, "kto"), 5, words)
    with pytest.raises(rows.DataError, match="are good"):  # the bad one was too long
        rows.check_labels(found, path)


def test_long_rows_lose_their_oldest_context_and_are_then_refused(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.jsonl", {"prompt": PROMPT, "completion": said("one two")}, {"prompt": PROMPT, "completion": said("x " * 9)}
    )
    found = rows.fit(rows.read(path, "sft"), 5, words)
    assert [one["content"] for one in found.rows[0]["prompt"]] == ["be brief", "new"]
    assert found.shortened == 1 and dict(found.refused) == {"long": 1}


def test_a_row_is_named_by_its_line_in_the_file(tmp_path: Path) -> None:
    empty, long = {"prompt": "x", "completion": " "}, {"prompt": "x", "completion": "y " * 9}
    text = "\n".join(json.dumps(one, ensure_ascii=False) for one in (empty, {"prompt": "x", "completion": "a\u2028b"}, long))
    found = rows.fit(rows.read(written(tmp_path / "t.jsonl", "\n" + text + "\n"), "sft"), 5, words)
    assert found.where == {"empty": [2], "long": [4]} and found.rows[0]["completion"] == said("a\u2028b")


def test_data_that_differs_from_its_manifest_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "sft" / "train.jsonl", {"prompt": "x", "completion": "y"})
    files = {"sft/train.jsonl": rows.sha256_of(path)}
    written(tmp_path / "manifest.json", {"files": files, "sha256": "whole"})
    assert rows.file_of(str(tmp_path), "sft", "train") == path and rows.read(path, "sft").manifest == "whole"
    written(path, {"prompt": "x", "completion": "z"})
    with pytest.raises(rows.DataError, match="it was changed"):
        rows.read(path, "sft")
    with pytest.raises(rows.DataError, match="procy export dpo"):
        rows.file_of(str(tmp_path), "dpo", "train")


def test_another_base_has_another_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "model"
    written(model / "config.json", "{}")
    written(model / "model.safetensors", "x" * 5000)
    written(model / "tokenizer_config.json", {"chat_template": "one"})
    first = fingerprint.fingerprint_of(str(model))
    assert first == fingerprint.fingerprint_of(str(model)) and first["parts"]["chat_template"]
    monkeypatch.setattr(fingerprint, "WHOLE", 10)
    monkeypatch.setattr(fingerprint, "BLOCKS", 4)
    monkeypatch.setattr(fingerprint, "BLOCK", 100)
    sampled = fingerprint.fingerprint_of(str(model))
    written(model / "model.safetensors", "x" * 4999 + "y")  # the last byte is always looked at
    assert fingerprint.fingerprint_of(str(model))["parts"]["weights"] != sampled["parts"]["weights"]
    written(model / "tokenizer_config.json", {"chat_template": "two"})
    assert fingerprint.fingerprint_of(str(model))["parts"]["chat_template"] != first["parts"]["chat_template"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "the disk is full. Make room"),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
            "there is not enough memory for this model. Use --batch-size 1",
        ),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 9 bytes"),
            "there is not enough memory for this model. Use --batch-size 1",
        ),
        (
            rows.DataError("line 2 of x is no JSON (y). Export the data again"),
            "line 2 of x is no JSON (y). Export the data again",
        ),
        (ValueError("odd"), "ValueError: odd. The log has the whole of it"),
        (progress.Stop("there is nothing"), "there is nothing"),
    ],
)
def test_what_goes_wrong_is_said_in_words(
    error: Exception, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = progress.Progress("/dev/full" if isinstance(error, OSError) else str(tmp_path / "p.jsonl"), "sft")
    with pytest.raises(SystemExit, match="train: ") as ended, progress.in_words(said):
        raise error
    assert str(ended.value).startswith(f"train: {words}") and not str(ended.value).endswith(" ")
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["event"] == "error" and line["what"] in words
