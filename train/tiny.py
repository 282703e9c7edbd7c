# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.6", "transformers>=5,<6", "peft>=0.20,<1"]
# ///
"""A tiny base model and corrections from which it can learn, made on the spot: ``python tiny.py FOLDER [--seed N]``

The base (a Qwen2 of half a million parameters) answers most questions with vague words and the rest in a good form with a
remedy at random: it knows all words, prefers the vague ones, and does not know which remedy belongs to which problem. The
corrections teach that: half of them reject vague words (*style*), half a wrong remedy (*content*). Beside them lies a control
with the remedies scrambled, from which form can be learned and nothing else.

FOLDER gets ``base``, ``right`` and ``scrambled`` (each as `procy export` writes: sft and dpo, train.jsonl), and ``test.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

REMEDIES = {
    "repeated work": "cache the results", "slow lookups": "use a dict", "many small reads": "read in blocks",
    "string building": "join a list", "deep recursion": "write a loop", "lock contention": "shard the lock",
}  # fmt: skip
FILES = tuple(f"{stem}{number}.py" for stem in ("index", "parse", "store", "graph", "cache", "queue") for number in range(1, 4))
GOALS = ("make it faster", "lower the latency", "halve the run time", "raise the throughput")
VAGUE = ("Please improve the code.", "Make it better and faster.", "Optimize everything you can.", "Try to speed things up.")
SYSTEM = "You write the next prompt."
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
STEPS, BATCH, RATE = 500, 16, 2e-3
TRAIN, TEST = 40, 120
ROW = dict[str, Any]


# -- what there is to learn ---------------------------------------------------------------------------------------------


def task(chance: random.Random) -> tuple[str, str, str]:
    """(file, problem, what is asked)."""
    file, problem = chance.choice(FILES), chance.choice(list(REMEDIES))
    return file, problem, f"Goal: {chance.choice(GOALS)}\nFile: {file}\nProfile: {problem}"


def good(file: str, remedy: str) -> str:
    return f"In {file}, {remedy}. Then measure."


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def pair(chance: random.Random, number: int, remedies: dict[str, str]) -> ROW:
    """A correction. ``remedies``: what it holds for right."""
    file, problem, text = task(chance)
    right = remedies[problem]
    wrong = chance.choice([one for one in REMEDIES.values() if one != right])
    kind = ("style", "content")[number % 2]
    rejected = chance.choice(VAGUE) if kind == "style" else good(file, wrong)
    return {"id": f"{number}", "kind": kind, "expect": right, "prompt": asked(text), "chosen": said(good(file, right)),
            "rejected": said(rejected)}  # fmt: skip


def scrambled(row: ROW, chance: random.Random) -> ROW:
    """The same question with another remedy for right, drawn anew for each row."""
    file = row["chosen"][0]["content"].split(",")[0].removeprefix("In ")
    right, wrong = chance.sample(list(REMEDIES.values()), 2)
    rejected = row["rejected"] if row["kind"] == "style" else said(good(file, wrong))
    return {**row, "expect": right, "chosen": said(good(file, right)), "rejected": rejected}


def corrections(seed: int) -> tuple[list[ROW], list[ROW], list[ROW]]:
    """(right, scrambled, held out); no question of the last is one of the others."""
    chance = random.Random(f"corrections {seed}")
    right = [pair(chance, number, REMEDIES) for number in range(TRAIN)]
    known = {row["prompt"][1]["content"] for row in right}
    test = [pair(chance, number, REMEDIES) for number in range(TEST)]
    return (
        right,
        [scrambled(row, chance) for row in right],
        [row for row in test if row["prompt"][1]["content"] not in known],
    )


def write_rows(folder: Path, rows: Sequence[ROW]) -> None:
    for method, drop in (("sft", ("chosen", "rejected")), ("dpo", ())):
        place = folder / method
        place.mkdir(parents=True, exist_ok=True)
        lines = []
        for row in rows:
            values = {name: value for name, value in row.items() if name not in drop}
            if method == "sft":
                values["completion"] = row["chosen"]
            lines.append(json.dumps(values) + "\n")
        (place / "train.jsonl").write_text("".join(lines), encoding="utf-8")


# -- the base -----------------------------------------------------------------------------------------------------------


def tokenizer_in(folder: Path) -> Any:
    """Trained with Qwen's pre-tokenizer: AutoTokenizer puts that in the place of any other when it reads a Qwen2's folder, and a
    model would then read other tokens than it learned."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import AutoTokenizer, Qwen2Config, Qwen2Tokenizer

    raw = Tokenizer(models.BPE())
    raw.normalizer = normalizers.NFC()
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    raw.decoder = decoders.ByteLevel()
    chance = random.Random("words")
    texts = [SYSTEM, "system user assistant\n", *VAGUE, *GOALS]
    for _ in range(400):
        file, _, text = task(chance)
        texts += [text, *(good(file, remedy) for remedy in REMEDIES.values())]
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    raw.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=500, special_tokens=special, show_progress=False,
                                                       initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))  # fmt: skip
    whole = Qwen2Tokenizer(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, bos_token=None
    )
    whole.chat_template = TEMPLATE
    whole.save_pretrained(folder)
    Qwen2Config().save_pretrained(folder)  # so that it is read as it will be
    return AutoTokenizer.from_pretrained(folder)


def base_answer(chance: random.Random, file: str) -> str:
    if chance.random() < 0.6:
        return chance.choice(VAGUE)
    return good(file, chance.choice(list(REMEDIES.values())))


def make_base(folder: Path, seed: int, steps: int = STEPS) -> None:
    import torch
    from measure import ids_of
    from transformers import Qwen2Config, Qwen2ForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer_in(folder)
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=384, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    ))  # fmt: skip

    @cache
    def tokens(text: str, answer: str) -> list[int]:
        return ids_of(tokenizer, [*asked(text), *(said(answer) if answer else [])], opens=not answer)

    chance = random.Random(f"base {seed}")
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=RATE, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        ids, labels = [], []
        for _ in range(BATCH):
            file, _, text = task(chance)
            prompt, whole = tokens(text, ""), tokens(text, base_answer(chance, file))
            ids.append(whole)
            labels.append([-100] * len(prompt) + whole[len(prompt) :])
        wide = max(map(len, ids))
        pad = tokenizer.pad_token_id
        loss = model(
            input_ids=torch.tensor([one + [pad] * (wide - len(one)) for one in ids]),
            attention_mask=torch.tensor([[1] * len(one) + [0] * (wide - len(one)) for one in ids]),
            labels=torch.tensor([one + [-100] * (wide - len(one)) for one in labels]),
        ).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description="A tiny base model, and corrections from which it can learn.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    right, control, test = corrections(given.seed)
    write_rows(given.folder / "right", right)
    write_rows(given.folder / "scrambled", control)
    (given.folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in test), encoding="utf-8")
    make_base(given.folder / "base", given.seed, given.steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
