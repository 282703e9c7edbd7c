# /// script
# requires-python = ">=3.11"
# dependencies = ["transformers>=5,<6", "jinja2>=3"]
# ///
"""How many tokens each row has, as the trainer counts them: ``python lengths.py MODEL FILE…`` prints a JSON list a file.

A pair is as long as its longer side. Nothing is fetched: MODEL is a folder, or a name whose tokenizer is in the cache.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from rows import lines_of, messages


def main(model: str, *files: str) -> int:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    for file in files:
        counts = []
        for _, line in lines_of(Path(file)):
            row = json.loads(line)
            prompt = messages(row["instruction"] if "instruction" in row else row["prompt"], "user")
            sides = [messages(row[name]) for name in ("completion", "chosen", "rejected", "output") if name in row]
            texts = [tokenizer.apply_chat_template([*prompt, *side], tokenize=False) for side in sides]
            counts.append(max(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]))
        print(json.dumps(counts), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
