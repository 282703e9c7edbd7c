"""The fingerprint of a base model: ``python fingerprint.py MODEL`` prints it as JSON. Standard library only.

An adapter of another base loads without a complaint and changes answers, so every adapter carries the fingerprint of its own.
Of a large file 256 blocks of 64 KiB, spread evenly, are read: a second of work instead of minutes, and other weights differ in
all of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

WHOLE = 64 << 20  # bytes of a file that is read from end to end
BLOCKS, BLOCK = 256, 64 << 10
TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "special_tokens_map.json")
TEMPLATE = ("chat_template.jinja", "chat_template.json")


def fingerprint_of(model: str) -> dict[str, object]:
    """``sha256`` and ``parts``. Raises FileNotFoundError where the model is not on this machine."""
    folder = folder_of(model)
    weights = sorted(
        one.name for one in folder.iterdir() if one.name.endswith((".safetensors", ".safetensors.index.json", ".bin"))
    )
    parts = {
        "config": hashed(folder, ["config.json"]),
        "weights": hashed(folder, [name for name in weights if not name.startswith(("adapter_", "training_args"))]),
        "tokenizer": hashed(folder, TOKENIZER),
        "chat_template": template_of(folder),
    }
    return {"sha256": hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(), "parts": parts}


def folder_of(model: str) -> Path:
    """Where a model's files are: the folder itself, or the newest snapshot of the hub's cache."""
    if Path(model).is_dir():
        return Path(model)
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub") / f"models--{model.replace('/', '--')}"
    main = hub / "refs" / "main"
    if main.is_file() and (folder := hub / "snapshots" / main.read_text().strip()).is_dir():
        return folder
    raise FileNotFoundError(f"the model {model} is not on this machine")


def hashed(folder: Path, names: Iterable[str]) -> str:
    """Of those of the files that there are, with their names and sizes; "" for none."""
    whole, any_there = hashlib.sha256(), False
    for name in names:
        path = folder / name
        if path.is_file():
            any_there = True
            whole.update(f"{name} {path.stat().st_size} {hash_of(path)}\n".encode())
    return whole.hexdigest() if any_there else ""


def hash_of(path: Path) -> str:
    size, whole = path.stat().st_size, hashlib.sha256()
    with open(path, "rb") as file:
        if size <= WHOLE:
            while data := file.read(1 << 20):
                whole.update(data)
        else:
            for number in range(BLOCKS):
                file.seek(number * (size - BLOCK) // (BLOCKS - 1))
                whole.update(file.read(BLOCK))
    return whole.hexdigest()


def template_of(folder: Path) -> str:
    """Newer models have the template in a file of its own, older ones in the tokenizer's configuration."""
    if found := hashed(folder, TEMPLATE):
        return found
    settings = folder / "tokenizer_config.json"
    text = json.loads(settings.read_text(encoding="utf-8")).get("chat_template") if settings.is_file() else None
    return hashlib.sha256(json.dumps(text).encode()).hexdigest() if text else ""


if __name__ == "__main__":
    try:
        print(json.dumps(fingerprint_of(sys.argv[1])))
    except (FileNotFoundError, IndexError) as error:
        sys.exit(f"fingerprint: {error if len(sys.argv) > 1 else 'name a model'}")
