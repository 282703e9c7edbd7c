"""``python base.py FOLDER SEED``, in the training environment: ``train/tiny.py``'s model, with the words of ``teacher.py``."""

from __future__ import annotations

import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2] / "train")]

import teacher  # noqa: E402
import tiny  # noqa: E402


def task(chance: random.Random) -> tuple[str, str, str]:
    """As ``tiny.task``: nothing of what it returns but the question matters here."""
    return "", "", teacher.situation(chance.choice(teacher.GOALS), chance.randrange(5))


def main(folder: str, seed: str) -> None:
    tiny.SYSTEM, tiny.GOALS, tiny.VAGUE = "You write the next prompt.", teacher.GOALS, teacher.VAGUE
    texts = [*teacher.STRAY, *(text for step in teacher.STEPS for text in step)]
    tiny.REMEDIES = {text: text for text in texts}
    tiny.task = task
    tiny.good = lambda file, remedy: remedy
    tiny.base_answer = lambda chance, file: teacher.poor_answer(chance)
    tiny.make_base(Path(folder), int(seed))


if __name__ == "__main__":
    main(*sys.argv[1:3])
