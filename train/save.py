"""What training leaves behind: peft's files and ``procy.json``, in its place only when all of it is written."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import measure
import torch
from progress import Stop
from rows import Message, Row, sha256_of

FORMAT = 1
CANARIES, CANARY_TOKENS = 3, 32
LIBRARIES = ("torch", "transformers", "peft", "trl", "datasets", "accelerate", "bitsandbytes", "deepspeed")


def known_facts(adapter: str) -> dict[str, Any]:
    """The ``procy.json`` of an adapter. Raises Stop."""
    try:
        return dict(json.loads((Path(adapter) / "procy.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise Stop(f"{adapter} is no adapter of procy's: it has no procy.json", "Name another --adapter") from None


def canary(model: Any, tokenizer: Any, prompts: Sequence[list[Message]]) -> list[dict[str, Any]]:
    """Of each prompt the greedy answer by the adapter and by the base, with its mean log-probability."""
    by_adapter = answers(model, tokenizer, prompts)
    with model.disable_adapter():
        by_base = answers(model, tokenizer, prompts)
    return [
        {"prompt": list(prompt), "adapter": one, "base": other}
        for prompt, one, other in zip(prompts, by_adapter, by_base, strict=True)
    ]


def answers(model: Any, tokenizer: Any, prompts: Sequence[list[Message]]) -> list[dict[str, Any]]:
    found = []
    for prompt in prompts:  # one at a time: padding changes the last bits
        [answer] = measure.write(model, tokenizer, [prompt], CANARY_TOKENS)
        opened = measure.ids_of(tokenizer, prompt, opens=True)
        with torch.no_grad():
            [scores] = measure.token_logprobs(model, [[*opened, *answer]])
        text = tokenizer.decode(answer, skip_special_tokens=True)
        found.append({"answer": text, "logprob": round(float(scores[len(opened) - 1 :].mean()), 6)})
    return found


def canary_prompts(*sources: Sequence[Row]) -> list[list[Message]]:
    """Of the first rows that there are, held-out ones before others."""
    found: list[list[Message]] = []
    for row in (row for rows in sources for row in rows):
        if row["prompt"] not in found:
            found.append(row["prompt"])
        if len(found) == CANARIES:
            break
    return found


def save(model: Any, tokenizer: Any, output: str, facts: dict[str, Any], is_first: bool, state: Any = None) -> None:
    """Write the adapter into ``output``. Every process calls it; the first writes. ``state``: weights gathered from all, where
    they are shared out."""
    if not is_first:
        return
    beside = Path(output) / ".adapter"
    shutil.rmtree(beside, ignore_errors=True)
    model.save_pretrained(str(beside), selected_adapters=["default"], state_dict=state, safe_serialization=True)
    tokenizer.save_pretrained(str(beside))
    (beside / "README.md").unlink(missing_ok=True)  # a card with nothing in it
    weights = sha256_of(beside / "adapter_model.safetensors")
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"format": FORMAT, **facts, "weights_sha256": weights, "versions": versions(), "created_at": at}
    (beside / "procy.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for one in sorted(beside.iterdir(), key=lambda one: one.name == "procy.json"):  # last: with it, it is an adapter
        os.replace(one, Path(output) / one.name)
    beside.rmdir()


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
