# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.6", "transformers>=5,<6", "peft>=0.20,<1", "trl>=1.16,<2", "datasets>=4.7,<6", "accelerate>=1.15,<2"]
# ///
"""Supervised fine-tuning: a LoRA adapter that writes prompts like those in the data. The loss is on the prompts only.

python sft.py --data data --model Qwen/Qwen2.5-14B-Instruct --output adapter --epochs 3
torchrun --nproc-per-node 4 sft.py --world 4 …
"""

from __future__ import annotations

import sys
from typing import Any

from common import begin, flags
from datasets import Dataset
from progress import in_words
from trl import SFTConfig, SFTTrainer


def main() -> int:
    parser = flags("Supervised fine-tuning of a LoRA adapter.", epochs=3, lr=2e-4)
    parser.add_argument("--packing", action="store_true", help="several rows in one sequence: for thousands of short ones")
    given = parser.parse_args()
    training = begin(given, "sft")

    def trainer(model: Any, tokenizer: Any, rows: list[dict[str, Any]], settings: dict[str, Any]) -> SFTTrainer:
        columns = [{name: row[name] for name in ("prompt", "completion")} for row in rows]
        config = SFTConfig(**settings, completion_only_loss=True, packing=given.packing)
        return SFTTrainer(model=model, args=config, train_dataset=Dataset.from_list(columns), processing_class=tokenizer)

    with in_words(training.progress):
        training.prepare()
        training.run(trainer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
