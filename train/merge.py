# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.6", "transformers>=5,<6", "peft>=0.20,<1"]
# ///
"""Make one model of a base and an adapter, for engines that serve no adapters.

    python merge.py --model BASE --adapter FOLDER --output FOLDER [--dtype auto]

OUTPUT appears when all of it is written; one that is there already is left as it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description="Make one model of a base and an adapter.")
    parser.add_argument("--model", required=True, help="folder or name of the base")
    parser.add_argument("--adapter", required=True, help="folder of the adapter")
    parser.add_argument("--output", required=True, help="folder to write")
    parser.add_argument("--dtype", default="auto", help="auto (as the base is kept), float32, bfloat16 or float16")
    given = parser.parse_args()
    output = Path(given.output)
    if (output / "config.json").is_file():
        return 0
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        merge(given.model, given.adapter, str(beside), given.dtype)
        os.replace(beside, output)
    except OSError as error:
        sys.exit(f"merge: {error}")
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return 0


def merge(model: str, adapter: str, output: str, dtype: str) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(model, dtype=dtype)
    merged = PeftModel.from_pretrained(base, adapter).merge_and_unload()
    merged.save_pretrained(output)
    AutoTokenizer.from_pretrained(model).save_pretrained(output)


if __name__ == "__main__":
    sys.exit(main())
