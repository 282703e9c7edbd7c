"""Which human corrections bear on the prompt that is to be written. Pure."""

from __future__ import annotations

import re

from procy.evolve.feedback import blocks
from procy.evolve.words import LONGEST
from procy.tries import Brief, CorrectionView

MOST = 12
WORD = re.compile(r"\w{3,}")


def by_similarity(brief: Brief) -> list[CorrectionView]:
    """Those whose rejected prompts are most like what goes on now, first; those that measured worse, last."""
    newest = [one.prompt for one in brief.outcomes[-3:]]
    now = words_of(" ".join([brief.goal, brief.parent.prompt, *newest, *blocks(brief.parent.feedback)]))
    weighed = [(bool(one.gain and one.gain < 0), -likeness(words_of(one.rejected), now), one) for one in brief.corrections]
    return [one for _, _, one in sorted(weighed, key=lambda found: found[:2])[:MOST]]


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared words, 0 to 1; long texts have no advantage."""
    return len(one & other) / (len(one) * len(other)) ** 0.5 if one and other else 0.0


def words_of(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in WORD.findall(text[:LONGEST]))
