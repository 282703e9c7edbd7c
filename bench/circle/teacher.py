"""What a poor proposer says about the nearest neighbours of ``bench/evolve/tasks/ann``, and what somebody who knows them would.

Standard library only: the tiny model is made from these words in an environment without procy.
"""

from __future__ import annotations

import random

GOALS = ("make it faster", "lower the cost of a query", "halve the work", "compute less", "answer queries sooner")
VAGUE = (
    "Please improve the code.", "Make it better and faster.", "Optimize everything you can.", "Try to speed things up.",
    "Do what you think is best here.", "Look at the program again and make it good.", "Clean this up, please.",
    "Is there anything that could be nicer?",
)  # fmt: skip
STRAY = (
    "Leave the order of the result to library routines.", "Keep every distance: cache all of them ahead.",
    "Prepare more ahead, in bulk.", "Write the central part anew with a batch.", "Use the triangle inequality and a few pivots.",
)  # fmt: skip
STEPS = (  # after so many kept steps this is what helps
    (
        "Divide the points into cells around centres.", "Partition the space: every point belongs to one cell.",
        "Build another data structure, a grid of cells.", "Split the problem: search cell by cell, nearest first.",
    ),
    (
        "Abandon a distance early when it is too large.", "Stop adding coordinates early once a point cannot win.",
        "Sum up the coordinates one by one and leave early.", "Give hopeless points up early, coordinates unread.",
    ),
    (
        "Look into fewer cells for each query.", "Cut what is searched: fewer of the far cells.",
        "Tune the limits: fewer cells will do.", "Trust the nearest cells and visit fewer others.",
    ),
)  # fmt: skip


def situation(goal: str, kept: int) -> str:
    """As ``prompts/model_user.jinja`` says it."""
    return f"Goal: {goal}\nKept: {min(kept, 4)}"


def poor_answer(chance: random.Random) -> str:
    """Mostly vague, else something at random: it knows all words, and not when to say them."""
    if chance.random() < 0.6:
        return chance.choice(VAGUE)
    return chance.choice([*STRAY, *(text for step in STEPS for text in step)])


def correction(kept: int, chance: random.Random) -> str:
    """What should have been said; "" where nobody knows."""
    return chance.choice(STEPS[kept]) if kept < len(STEPS) else ""
