"""What a proposer is told: a brief as short texts that together fit a number of characters. Pure.

What does not fit is left out whole, the least useful first: the oldest failed tries, then what else there is more of, down to
the newest and the best. Only then are single texts made shorter, at the ends of words, and the goal last of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from procy.evolve.feedback import blocks
from procy.evolve.similar import by_similarity
from procy.evolve.words import change, cleaned, is_number, number, one_line, shorten
from procy.tries import Brief, CorrectionView, MetricView, Outcome

SCORE = MetricView(name="score", direction="maximize", is_objective=True)
GOAL = 12_000  # characters of a goal at most
STUB = 60  # characters under which a shortened text says nothing


@dataclass(frozen=True, slots=True)
class Context:
    """What templates are given. Texts of one line, but for ``goal``, ``feedback`` and ``corrections``."""

    goal: str
    seq: int
    total: int
    mode: str
    objective: str  # in words: its name and which way is better
    is_start: bool  # nothing was kept yet: the parent is the start
    is_best: bool  # the parent is the best so far
    knows_parent: bool
    parent: str  # its name
    evaluator: str
    metrics: tuple[str, ...]  # what is measured, which way is better, what is demanded
    standing: tuple[str, ...]  # of each metric: start, best, parent
    lineage: tuple[str, ...]  # the kept tries that made the parent, oldest first
    kept: tuple[str, ...]  # other kept tries, the best first
    failed: tuple[str, ...]  # reverted and failed tries, the newest first
    feedback: tuple[str, ...]  # of the parent, then of a try that failed from it
    corrections: tuple[str, ...]  # by humans, those of similar prompts first
    inspirations: tuple[str, ...]  # tries to borrow from; in none of the lists above
    tries: int  # that are over

    @property
    def characters(self) -> int:
        return len(self.goal) + len(self.evaluator) + sum(len(text) + 1 for part in PARTS for text in getattr(self, part))


PARTS = ("metrics", "standing", "lineage", "kept", "failed", "feedback", "corrections", "inspirations")
LEFT_OUT_FIRST = ("failed", "inspirations", "kept", "corrections", "feedback", "lineage")
STAY = {"failed": 2, "inspirations": 1, "kept": 1, "corrections": 1, "feedback": 1, "lineage": 1}


def context_of(brief: Brief, characters: int) -> Context:
    """``characters``: of all its texts together, at most."""
    whole = Whole(brief, max(120, min(1500, characters // 8)))
    return fitted(whole.context(), max(characters, 0))


class Whole:
    """Everything there is to tell, each text at most so many ``characters``."""

    def __init__(self, brief: Brief, characters: int) -> None:
        self.brief, self.most = brief, characters
        self.metrics = brief.metrics or (SCORE,)
        self.known: Mapping[str, Outcome] = {one.id: one for one in (*brief.outcomes, brief.best, brief.parent, brief.start)}

    def context(self) -> Context:
        brief, lineage = self.brief, self.lineage()
        inspirations = [one for one in brief.inspirations if one not in lineage]
        told = {one.id for one in (*lineage, *inspirations)}
        others = [one for one in brief.outcomes if one.id not in told]
        kept = [one for one in others if one.decision == "kept"]
        kept.sort(key=lambda one: -one.score if is_number(one.score) and one.score is not None else float("inf"))
        objective = next((one for one in self.metrics if one.is_objective), self.metrics[0])
        return Context(
            goal=shorten(cleaned(brief.goal), GOAL),
            seq=brief.seq,
            total=brief.total,
            mode=brief.mode,
            objective=f"{one_line(objective.name)} ({better(objective)})",
            is_start=brief.parent.seq == 0,
            is_best=brief.parent.id == brief.best.id,
            knows_parent=brief.knows_parent,
            parent=name_of(brief.parent),
            evaluator=shorten(one_line(brief.evaluator), self.most),
            metrics=tuple(self.demand(one) for one in self.metrics),
            standing=tuple(self.standing(one) for one in self.metrics),
            lineage=tuple(map(self.told, lineage)),
            kept=tuple(map(self.told, kept)),
            failed=tuple(self.told(one) for one in reversed(others) if one.decision != "kept"),
            feedback=tuple(shorten(block, self.most) for block in self.feedback()),
            corrections=tuple(map(self.correction, by_similarity(brief))),
            inspirations=tuple(map(self.told, inspirations)),
            tries=len(brief.outcomes),
        )

    def lineage(self) -> list[Outcome]:
        """From the start, which is left out, to the parent."""
        found: list[Outcome] = []
        one: Outcome | None = self.brief.parent
        while one is not None and one.seq > 0 and one not in found:
            found.append(one)
            one = self.known.get(one.parent_id or "")
        return found[::-1]

    def demand(self, metric: MetricView) -> str:
        unit = one_line(metric.unit)
        bounds = [("at least", metric.at_least), ("at most", metric.at_most)]
        demands = [f"must be {words} {number(value, unit)}" for words, value in bounds if is_number(value)]
        rest = [better(metric), *(["the objective"] if metric.is_objective else []), *demands]
        return f"{one_line(metric.name)}{f' in {unit}' if unit else ''}: {', '.join(rest)}"

    def standing(self, metric: MetricView) -> str:
        brief, unit = self.brief, one_line(metric.unit)
        start, best, here = (value_of(one, metric) for one in (brief.start, brief.best, brief.parent))
        text = f"{one_line(metric.name)}: {number(start, unit)} at the start"
        if brief.best.seq and brief.best.id != brief.parent.id:
            text += f", {number(best, unit)} at best{inside(change(metric, best, start), 'than the start')}"
        if brief.parent.seq:
            against = [("than the start", start), *([] if brief.best.id == brief.parent.id else [("than the best", best)])]
            text += f", {number(here, unit)} here" + "".join(inside(change(metric, here, old), to) for to, old in against)
        return text + broken(metric, here)

    def told(self, outcome: Outcome) -> str:
        """A try on one line: what came of it, and its prompt."""
        parent = self.known.get(outcome.parent_id or "")
        state = outcome.decision if outcome.decision != "failed" or outcome.status == "ok" else one_line(outcome.status)
        parts = [f"{name_of(outcome)}, {state}{f', from {name_of(parent)}' if parent else ''}: {self.figures(outcome, parent)}"]
        if outcome.gain and all(map(is_number, outcome.gain)):
            gain, low, high = (number(one) for one in outcome.gain)
            parts.append(f"Gain of score {gain} (between {low} and {high}).")
        if outcome.reason and outcome.decision != "kept":
            parts.append(sentence(shorten(one_line(outcome.reason), max(80, self.most // 3))))
        if outcome.files:
            parts.append(
                f"Changed {', '.join(map(one_line, outcome.files[:4]))}{' and others' if len(outcome.files) > 4 else ''}."
            )
        return " ".join([*parts, f"Prompt: {shorten(one_line(outcome.prompt) or 'none', self.most)}"])

    def figures(self, outcome: Outcome, parent: Outcome | None) -> str:
        shown = [(one, value_of(outcome, one)) for one in self.metrics[:6]]
        texts = [
            f"{one_line(one.name)} {number(value, one_line(one.unit))}"
            + inside(change(one, value, value_of(parent, one) if parent else None))
            + broken(one, value)
            for one, value in shown
            if is_number(value)
        ]
        return f"{', '.join(texts)}." if texts else "not measured."

    def feedback(self) -> Iterator[str]:
        yield from blocks(self.brief.parent.feedback)
        failed = (one for one in reversed(self.brief.outcomes) if one.decision != "kept" and one.feedback)
        if last := next((one for one in failed if one.parent_id == self.brief.parent.id), None):
            yield from (f"{name_of(last)}, {last.decision}: {block}" for block in blocks(last.feedback))

    def correction(self, one: CorrectionView) -> str:
        texts = [("Instead of", one.rejected), ("a human wrote", one.chosen), ("because", one.note)]
        lines = [f"{words}: {shorten(one_line(text), self.most)}" for words, text in texts if text]
        if is_number(one.gain) and one.gain is not None:
            lines.append(f"measured: {'+' if one.gain > 0 else ''}{number(one.gain)} of score")
        return "\n  ".join(lines)


# -- words ------------------------------------------------------------------------------------------------------------


def name_of(outcome: Outcome) -> str:
    return f"try {outcome.seq}" if outcome.seq else "the start"


def better(metric: MetricView) -> str:
    return "larger is better" if metric.direction == "maximize" else "smaller is better"


def value_of(outcome: Outcome, metric: MetricView) -> Any:
    return outcome.score if metric is SCORE else outcome.metrics.get(metric.name)


def inside(text: str, to: str = "") -> str:
    """`` (+7.1 %, better than the start)``; nothing for nothing."""
    return f" ({text}{' as' + to.removeprefix('than') if to and text == 'same' else f' {to}' if to else ''})" if text else ""


def broken(metric: MetricView, value: Any) -> str:
    if not is_number(value):
        return ""
    if metric.at_least is not None and value < metric.at_least:
        return f", too low: at least {number(metric.at_least, one_line(metric.unit))} is demanded"
    if metric.at_most is not None and value > metric.at_most:
        return f", too high: at most {number(metric.at_most, one_line(metric.unit))} is demanded"
    return ""


def sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


# -- what fits --------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    part: str
    at: int


def fitted(whole: Context, characters: int) -> Context:
    """The context in at most so many characters."""
    texts = {Place(part, at): text for part in PARTS for at, text in enumerate(getattr(whole, part))}
    alone = {Place("goal", 0): whole.goal, Place("evaluator", 0): whole.evaluator}
    texts = {place: text for place, text in {**alone, **texts}.items() if text}
    for place in spare(texts):
        if size(texts.values()) <= characters:
            break
        del texts[place]
    others = [place for place in texts if place.part != "goal"]
    levelled(texts, others, characters, STUB)
    for place in sorted(others, key=lambda one: one.part in ("metrics", "standing")):  # what the numbers are comes last
        if size(texts.values()) <= characters:
            break
        del texts[place]
    levelled(texts, list(texts), characters, 0)
    parts: dict[str, Any] = {part: tuple(text for place, text in texts.items() if place.part == part and text) for part in PARTS}
    return replace(whole, goal=texts.get(Place("goal", 0), ""), evaluator=texts.get(Place("evaluator", 0), ""), **parts)


def spare(texts: Iterable[Place]) -> list[Place]:
    """What can be left out whole, the least useful first: of each part its last. Of a lineage that is the oldest."""
    found: list[Place] = []
    for part in LEFT_OUT_FIRST:
        places = [place for place in texts if place.part == part]
        keep = STAY[part]
        found += places[: len(places) - keep] if part == "lineage" else places[keep:][::-1]
    return found


def levelled(texts: dict[Place, str], places: Iterable[Place], characters: int, least: int) -> None:
    """Shorten the longest of them until all fit, each to ``least`` at most."""
    over = size(texts.values()) - characters
    lengths = sorted((len(texts[place]) for place in places), reverse=True)
    if over <= 0 or not lengths:
        return
    level = 0
    for count, following in enumerate([*lengths[1:], 0], 1):
        if sum(lengths[:count]) - count * following >= over:
            level = (sum(lengths[:count]) - over) // count
            break
    for place in places:
        texts[place] = shorten(texts[place], max(level, least))


def size(texts: Iterable[str]) -> int:
    return sum(len(text) + 1 for text in texts)
