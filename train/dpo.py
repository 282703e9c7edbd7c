# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.6", "transformers>=5,<6", "peft>=0.20,<1", "trl>=1.16,<2", "datasets>=4.7,<6", "accelerate>=1.15,<2"]
# ///
"""Direct preference optimisation of a LoRA adapter, with a term of supervised fine-tuning on the better side.

Without that term the better prompts get less likely too, only less so than the worse: accuracy looks good, and what the model
writes is ruined. Best begun from what sft.py made (``--adapter``).

    python dpo.py --data data --model Qwen/Qwen2.5-14B-Instruct --adapter sft-adapter --output adapter
"""

from __future__ import annotations

import sys
from typing import Any

from common import begin, flags
from datasets import Dataset
from progress import in_words
from trl import DPOConfig, DPOTrainer


def main() -> int:
    parser = flags("Direct preference optimisation of a LoRA adapter.", epochs=3, lr=2e-5)
    parser.add_argument("--beta", type=float, default=0.1, help="how near it stays to where it began")
    parser.add_argument("--loss", default="sigmoid", help="of the preference: sigmoid, ipo, robust, apo_zero …")
    parser.add_argument("--sft-weight", type=float, default=5.0, help="of the term of supervised fine-tuning; 0: none")
    given = parser.parse_args()
    training = begin(given, "dpo")
    losses = {"loss_type": [given.loss], "loss_weights": [1.0]}
    if given.sft_weight:
        losses = {"loss_type": [given.loss, "sft"], "loss_weights": [1.0, given.sft_weight]}

    def trainer(model: Any, tokenizer: Any, rows: list[dict[str, Any]], settings: dict[str, Any]) -> DPOTrainer:
        columns = [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows]
        config = DPOConfig(**settings, **losses, beta=given.beta)
        return DPOTrainer(model=model, args=config, train_dataset=Dataset.from_list(columns), processing_class=tokenizer)

    with in_words(training.progress):
        training.prepare()
        training.run(trainer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
