"""An example as a row of a file, in the columns that TRL's trainers take (conversational, https://huggingface.co/docs/trl/dataset_formats).

The columns behind those are ours and are ignored by trainers: every row has all of them, of one type each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from procy.learn.examples import Example, Gathering

METHODS = ("sft", "dpo", "kto")


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def sft(example: Example) -> dict[str, Any]:
    return {"prompt": list(example.prompt), "completion": said(example.chosen)}


def dpo(example: Example) -> dict[str, Any]:
    return {"prompt": list(example.prompt), "chosen": said(example.chosen), "rejected": said(example.rejected or ""),
            "margin": round(example.margin, 6)}  # fmt: skip


def kto(example: Example) -> dict[str, Any]:
    return {"prompt": list(example.prompt), "completion": said(example.chosen), "label": example.liked}


def seed(example: Example) -> dict[str, Any]:
    """As the first procy's ``procy_train.jsonl``, but the instruction is the situation, where it was always one sentence."""
    return {"instruction": example.prompt[-1]["content"], "output": example.chosen}


SOURCES: dict[str, Callable[[Gathering], Iterator[Example]]] = {
    "sft": Gathering.texts, "dpo": Gathering.pairs, "kto": Gathering.verdicts, "seed": Gathering.texts,
}  # fmt: skip
COLUMNS: dict[str, Callable[[Example], dict[str, Any]]] = {"sft": sft, "dpo": dpo, "kto": kto, "seed": seed}


def row_of(method: str, example: Example) -> dict[str, Any]:
    values = COLUMNS[method](example)
    if method == "seed":
        return values
    return {**values, "id": example.id, "category": example.category, "group": hidden(example.group), "at": example.at,
            "weight": example.weight}  # fmt: skip


def hidden(name: str) -> str:
    """A name that tells rows of one group, and nothing else."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]
