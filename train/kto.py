# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.6", "transformers>=5,<6", "peft>=0.20,<1", "trl>=1.16,<2", "datasets>=4.7,<6", "accelerate>=1.15,<2"]
# ///
"""Kahneman-Tversky optimisation of a LoRA adapter: from prompts that were good or bad, each alone, where there are no pairs.

python kto.py --data data --model Qwen/Qwen2.5-14B-Instruct --output adapter
"""

from __future__ import annotations

import sys
from typing import Any

from common import begin, flags
from datasets import Dataset
from progress import Stop, in_words
from trl import KTOConfig, KTOTrainer


def main() -> int:
    parser = flags("Kahneman-Tversky optimisation of a LoRA adapter.", epochs=3, lr=2e-5)
    parser.add_argument("--beta", type=float, default=0.1, help="how near it stays to where it began")
    given = parser.parse_args()
    training = begin(given, "kto")

    def trainer(model: Any, tokenizer: Any, rows: list[dict[str, Any]], settings: dict[str, Any]) -> KTOTrainer:
        if settings["per_device_train_batch_size"] < 2:
            raise Stop("kto compares rows of one batch, and there is one row in it", "Raise --batch-size")
        columns = [{name: row[name] for name in ("prompt", "completion", "label")} for row in rows]
        good = sum(row["label"] for row in rows)
        ratio = (len(rows) - good) / good  # so that both sides weigh the same
        config = KTOConfig(**settings, beta=given.beta, desirable_weight=max(ratio, 1.0), undesirable_weight=max(1 / ratio, 1.0))
        return KTOTrainer(model=model, args=config, train_dataset=Dataset.from_list(columns), processing_class=tokenizer)

    with in_words(training.progress):
        training.prepare()
        training.run(trainer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
