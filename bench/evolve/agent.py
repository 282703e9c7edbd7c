"""Who writes the prompts and who works them off: a proxy model with some skill, and an agent that mostly obeys."""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench.evolve.landscape import FAMILIES, KNOBS, LEVELS, RECALL, Landscape, State
from procy.tries import Choice

STRAYS, BREAKS, BREAKS_REWRITE = 0.1, 0.05, 0.15
REWRITE, TWO_KNOBS = 0.2, 0.3  # shares of the prompts; the rest moves one knob
LOOKS_AT = 4  # directions among which skill finds the best


@dataclass(frozen=True, slots=True)
class Work:
    """What the agent left behind: where the code is now, and whether it builds."""

    state: State
    builds: bool
    files: tuple[str, ...]


class ProxyModel:
    """With the probability ``skill`` it knows which of four directions is best, else it picks one blindly. It asks for nothing
    twice from the same parent, while there is something else to ask for."""

    def __init__(self, land: Landscape, skill: float, rng: random.Random) -> None:
        self.land = land
        self.skill = skill
        self.rng = rng
        self.asked: set[tuple[State, State]] = set()

    def prompt(self, choice: Choice, state: State) -> State:
        """The state that it asks for."""
        is_skilled = self.rng.random() < self.skill
        found = [self.direction(state, choice.mode == "explore") for _ in range(LOOKS_AT if is_skilled else 1)]
        wanted = max(found, key=self.promise)
        self.asked.add((state, wanted))
        return wanted

    def direction(self, state: State, is_elsewhere: bool) -> State:
        for _ in range(20):
            wanted = rewrite(state, self.rng) if is_elsewhere else anything(state, self.rng)
            if (state, wanted) not in self.asked:
                break
        return wanted

    def promise(self, state: State) -> float:
        """What skill sees: the speed, and that what breaks the constraint is worth nothing."""
        return self.land.speed_of(state) if self.land.recall_of(state) >= RECALL else float("-inf")


def anything(state: State, rng: random.Random) -> State:
    chance = rng.random()
    if chance < REWRITE:
        return rewrite(state, rng)
    return move(state, 2 if chance < REWRITE + TWO_KNOBS else 1, rng)


def rewrite(state: State, rng: random.Random) -> State:
    """The same settings in another family."""
    return State(rng.choice([family for family in range(FAMILIES) if family != state.family]), state.levels)


def move(state: State, knobs: int, rng: random.Random) -> State:
    levels = list(state.levels)
    for knob in rng.sample(range(KNOBS), knobs):
        levels[knob] = rng.choice([level for level in range(LEVELS) if level != levels[knob]])
    return State(state.family, tuple(levels))


def work(state: State, wanted: State, rng: random.Random) -> Work:
    """Of a hundred prompts it obeys 85, does something else for 10, and leaves 5 that do not build; 15 of a hundred rewrites."""
    breaks = BREAKS if wanted.family == state.family else BREAKS_REWRITE
    chance = rng.random()
    done = anything(state, rng) if breaks <= chance < breaks + STRAYS else wanted
    files = ["main.c"] if done.family != state.family else []
    files += [f"knob{place}.c" for place, (old, new) in enumerate(zip(state.levels, done.levels, strict=True)) if old != new]
    return Work(done, chance >= breaks, tuple(files))
