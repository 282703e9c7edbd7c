# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.6", "transformers>=5,<6", "peft>=0.20,<1"]
# ///
"""Measure a model on held-out rows: how likely the right prompt is to it, which side of a pair it prefers, what it really writes.

    python measure.py --model BASE [--adapter FOLDER] --data test.jsonl --json OUT [--rows N] [--generate N]

Preference is absolute, by the sum of log-probabilities and no reference, for accuracies against a reference look good on models
that cannot write any more. Pairs are of two kinds: those of *content* share most of their words, so one has to know the task to
tell them apart; those of *style* can be told apart without.

OUT is ``{"summary": {…}, "rows": [{…}]}``; a row has ``id``, ``kind``, ``nll`` (per token of chosen), ``chosen_logprob``,
``rejected_logprob``, ``preferred`` (null without a rejected side), ``answer``, ``generation`` (0 … 1; null where not generated),
``similarity`` (word F1 of answer and chosen).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from rows import DataError, Message, Row, lines_of, looked_at

WORD = re.compile(r"\w+")
KINDS = ("style", "content")
ALIKE = 0.5  # share of words that sides of a content pair have in common
ANSWER = 160  # tokens of an answer


# -- words --------------------------------------------------------------------------------------------------------------


def kind_of(row: Row) -> str | None:
    """Of a pair, style or content; None for what is no pair."""
    if "rejected" not in row:
        return None
    if row.get("kind") in KINDS:
        return str(row["kind"])
    one, other = ({word.lower() for word in WORD.findall(row[side][-1]["content"])} for side in ("chosen", "rejected"))
    return "content" if len(one & other) >= ALIKE * len(one | other) else "style"


def likeness(answer: str, wanted: str) -> float:
    """F1 of the words, 0 … 1."""
    one, other = (Counter(word.lower() for word in WORD.findall(text)) for text in (answer, wanted))
    common = (one & other).total()
    return 2 * common / (one.total() + other.total()) if common else 0.0


def hit_of(row: Row, answer: str) -> float:
    """1 where the answer has what the row expects, else where it is nearer to chosen than to rejected; 0.5 for neither."""
    if row.get("expect"):
        return float(row["expect"] in answer)
    wanted = right(row)[-1]["content"]
    if "rejected" not in row:
        return likeness(answer, wanted)
    near, far = likeness(answer, wanted), likeness(answer, row["rejected"][-1]["content"])
    return 0.5 if near == far else float(near > far)


def right(row: Row) -> list[Message]:
    return row["chosen"] if "chosen" in row else row["completion"]


# -- model --------------------------------------------------------------------------------------------------------------


def ids_of(tokenizer: Any, said: Sequence[Message], opens: bool = False) -> list[int]:
    """Tokens of a conversation; ``opens``: up to where the answer begins."""
    text = tokenizer.apply_chat_template(list(said), tokenize=False, add_generation_prompt=opens)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@torch.no_grad()
def logprobs(
    model: Any, tokenizer: Any, pairs: Sequence[tuple[list[Message], list[Message]]], batch: int = 8
) -> list[torch.Tensor]:
    """Of (prompt, answer) pairs: the log-probability of each of the answer's tokens, end of turn included."""
    found: list[torch.Tensor] = []
    for start in range(0, len(pairs), batch):
        some = pairs[start : start + batch]
        opened = [ids_of(tokenizer, prompt, opens=True) for prompt, _ in some]
        whole = [ids_of(tokenizer, [*prompt, *answer]) for prompt, answer in some]
        found += [one[len(first) - 1 :] for one, first in zip(token_logprobs(model, whole), opened, strict=True)]
    return found


def token_logprobs(model: Any, sequences: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Of sequences of tokens: float32 of length len - 1, of each token after the first."""
    longest = max(map(len, sequences))
    device = next(model.parameters()).device
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, one in enumerate(sequences):
        ids[place, : len(one)] = torch.tensor(one)
        mask[place, : len(one)] = 1
    ids, mask = ids.to(device), mask.to(device)
    scores = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float().log_softmax(-1)
    picked = scores.gather(-1, ids[:, 1:, None])[..., 0].cpu()
    return [picked[place, : len(one) - 1] for place, one in enumerate(sequences)]


@torch.no_grad()
def write(model: Any, tokenizer: Any, prompts: Sequence[list[Message]], most: int = ANSWER, batch: int = 16) -> list[list[int]]:
    """The tokens of greedy answers, with the end token where it came."""
    ends = {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")} - {None}
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    device = next(model.parameters()).device
    answers = []
    for start in range(0, len(prompts), batch):
        asked = [ids_of(tokenizer, prompt, opens=True) for prompt in prompts[start : start + batch]]
        width = max(map(len, asked))
        ids = torch.tensor([[pad] * (width - len(one)) + one for one in asked], device=device)
        mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in asked], device=device)
        out = model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=most, do_sample=False, pad_token_id=pad, eos_token_id=sorted(ends),
            temperature=None, top_p=None, top_k=None, repetition_penalty=1.0,
        )  # fmt: skip
        for answer in out[:, width:].tolist():
            end = next((place for place, one in enumerate(answer) if one in ends), len(answer) - 1)
            answers.append(answer[: end + 1])
    return answers


def measured(model: Any, tokenizer: Any, rows: Sequence[Row], generate: int = 64) -> list[dict[str, Any]]:
    """One result a row, as the module's words say; answers for the first ``generate`` rows."""
    training = model.training
    model.eval()
    chosen = logprobs(model, tokenizer, [(row["prompt"], right(row)) for row in rows])
    pairs = [row for row in rows if "rejected" in row]
    rejected = iter(logprobs(model, tokenizer, [(row["prompt"], row["rejected"]) for row in pairs]))
    answers = write(model, tokenizer, [row["prompt"] for row in rows[:generate]])
    texts = [tokenizer.decode(answer, skip_special_tokens=True).strip() for answer in answers]
    results = []
    for number, (row, one) in enumerate(zip(rows, chosen, strict=True)):
        other = float(next(rejected).sum()) if "rejected" in row else None
        text = texts[number] if number < len(texts) else None
        results.append({
            "id": row.get("id") or str(number), "kind": kind_of(row), "nll": -float(one.mean()),
            "chosen_logprob": float(one.sum()), "tokens": len(one), "rejected_logprob": other,
            "preferred": None if other is None else float(one.sum()) > other,
            "answer": text, "generation": None if text is None else hit_of(row, text),
            "similarity": None if text is None else likeness(text, right(row)[-1]["content"]),
        })  # fmt: skip
    model.train(training)
    return results


def summed(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means; null where there is nothing of it. ``nll`` is per token, over all tokens."""
    tokens = sum(one["tokens"] for one in results)
    found: dict[str, Any] = {
        "rows": len(results), "nll": -sum(one["chosen_logprob"] for one in results) / tokens if tokens else None,
        "preference": mean(one["preferred"] for one in results), "generation": mean(one["generation"] for one in results),
        "similarity": mean(one["similarity"] for one in results),
    }  # fmt: skip
    for kind in KINDS:
        these = [one for one in results if one["kind"] == kind]
        found[f"rows_{kind}"] = len(these)
        found[f"preference_{kind}"] = mean(one["preferred"] for one in these)
        found[f"generation_{kind}"] = mean(one["generation"] for one in these)
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}


def mean(values: Iterable[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None


# -- as a program -------------------------------------------------------------------------------------------------------


def load(model: str, adapter: str | None = None, dtype: str = "auto") -> tuple[Any, Any]:
    """(model, tokenizer), on a GPU where there is one."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = torch.float32 if dtype == "float32" or (dtype == "auto" and device == "cpu") else dtype
    base = AutoModelForCausalLM.from_pretrained(model, dtype=kind).to(device)
    if adapter:
        from peft import PeftModel

        base = PeftModel.from_pretrained(base, adapter)
    return base.eval(), AutoTokenizer.from_pretrained(model)


def rows_for(path: str) -> list[Row]:
    """Pairs and rows to imitate, whichever a line is. Raises DataError."""
    found = []
    for number, line in lines_of(Path(path)):
        try:
            row = json.loads(line)
            reason, usable = looked_at(row, "dpo" if "rejected" in row else "sft")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(f"line {number} of {path} is no row of training data. Export the data again") from None
        if not reason and row.get("label", True):
            found.append(usable)
    if not found:
        raise DataError(f"there is nothing to measure in {path}. Export the data again")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a model on held-out rows.")
    parser.add_argument("--model", required=True, help="folder or name of the base")
    parser.add_argument("--adapter", help="folder of an adapter; without: the base itself")
    parser.add_argument("--data", required=True, help="JSONL of held-out rows")
    parser.add_argument("--json", required=True, help="file to write")
    parser.add_argument("--rows", type=int, default=1000, help="rows at most")
    parser.add_argument("--generate", type=int, default=64, help="of them, rows for which an answer is written")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16")
    given = parser.parse_args()
    try:
        rows = rows_for(given.data)[: given.rows]
    except (DataError, OSError) as error:
        sys.exit(f"measure: {error}")
    model, tokenizer = load(given.model, given.adapter, given.dtype)
    results = measured(model, tokenizer, rows, given.generate)
    told = {"model": given.model, "adapter": given.adapter, "data": given.data, "summary": summed(results), "rows": results}
    Path(given.json).write_text(json.dumps(told, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(told["summary"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
