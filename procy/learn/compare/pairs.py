"""What two models make of the same held-out pairs: likelihood, preference and what they write. Pure.

Rows are as ``train/measure.py`` writes them. Gains are positive where the first model, the adapter, is better; style and content
pairs are looked at together and apart, for style alone is easily learned and says nothing about the advice.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

from procy.learn.compare.statistics import Estimate, mcnemar, paired, pairs_needed, wilson

Row = Mapping[str, Any]
Verdict = Literal["better", "worse", "open"]
KINDS = ("all", "style", "content")
MEASURES = ("likelihood", "preference", "generation")
USUAL = (0.6, 0.65, 0.7, 0.75)  # win rates that somebody may want to claim


def joined(one: Sequence[Row], other: Sequence[Row]) -> list[tuple[Row, Row]]:
    """By id: what only one of them has is left out."""
    found = {row["id"]: row for row in other}
    return [(row, found[row["id"]]) for row in one if row["id"] in found]


def result_of(
    pairs: Sequence[tuple[Row, Row]], groups: Mapping[str, str], control: Sequence[tuple[Row, Row]], chance: random.Random
) -> dict[str, Any]:
    """``groups``: session by id. ``control``: the same pairs with the right answers scrambled among the situations: what is
    gained there was learned of the form and not of the matter."""
    kinds = {}
    for kind in KINDS:
        some = [pair for pair in pairs if kind in ("all", pair[0]["kind"])]
        if some:
            kinds[kind] = measures_of(some, [groups.get(pair[0]["id"], pair[0]["id"]) for pair in some], chance)
    sessions = len({groups.get(pair[0]["id"], pair[0]["id"]) for pair in pairs})
    return {
        "basis": f"{len(pairs)} held-out pairs of {sessions} sessions", "pairs": len(pairs), "sessions": sessions, "kinds": kinds,
        "control": control_of(pairs, control, groups, chance), "needed": {f"{rate:g}": pairs_needed(rate) for rate in USUAL},
    }  # fmt: skip


def measures_of(pairs: Sequence[tuple[Row, Row]], groups: Sequence[str], chance: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"pairs": len(pairs)}
    gains = [other["nll"] - one["nll"] for one, other in pairs]
    found["likelihood"] = {
        "adapter": fmean(one["nll"] for one, _ in pairs), "against": fmean(other["nll"] for _, other in pairs),
        "gain": shown(paired(gains, groups, chance)),
    }  # fmt: skip
    for measure, key in (("preference", "preferred"), ("generation", "generation")):
        both = [
            (float(one[key]), float(other[key]), group)
            for (one, other), group in zip(pairs, groups, strict=True)
            if one[key] is not None and other[key] is not None
        ]
        if both:
            found[measure] = shares_of(both, chance)
    return found


def shares_of(both: Sequence[tuple[float, float, str]], chance: random.Random) -> dict[str, Any]:
    """Of hits (a tie counts half): the share of each, the gain, who won where they differ, and how many such a win rate needs."""
    ones, others, groups = zip(*both, strict=True)
    gained, lost = sum(one > other for one, other, _ in both), sum(one < other for one, other, _ in both)
    rate = gained / (gained + lost) if gained + lost else 0.5
    return {
        "count": len(both), "adapter": shown(wilson(round(sum(ones)), len(ones))),
        "against": shown(wilson(round(sum(others)), len(others))),
        "gain": shown(paired([one - other for one, other, _ in both], groups, chance)),
        "gained": gained, "lost": lost, "p": mcnemar(gained, lost), "win_rate": rate, "needed": pairs_needed(rate),
    }  # fmt: skip


def control_of(
    pairs: Sequence[tuple[Row, Row]], control: Sequence[tuple[Row, Row]], groups: Mapping[str, str], chance: random.Random
) -> dict[str, Any] | None:
    """The gain in likelihood where answers are scrambled, and how much more it is where they are right."""
    scrambled = {one["id"]: other["nll"] - one["nll"] for one, other in control}
    both = [(one["id"], other["nll"] - one["nll"]) for one, other in pairs if one["id"] in scrambled]
    if not both:
        return None
    whose = [groups.get(name, name) for name, _ in both]
    return {
        "gain": shown(paired([scrambled[name] for name, _ in both], whose, chance)),
        "beyond": shown(paired([gain - scrambled[name] for name, gain in both], whose, chance)),
    }  # fmt: skip


def shown(found: Estimate) -> list[float | None]:
    """For JSON, which knows no infinity."""
    return [value if math.isfinite(value) else None for value in found]


def verdict_of(result: Mapping[str, Any]) -> tuple[Verdict, list[str]]:
    """And why, a line each.

    Better: the right prompts are likelier, more so than scrambled ones, and it prefers or writes better content more often than
    chance would have it. Worse: one of the three is lost beyond chance. A reward that rises while the likelihood of the right
    prompts falls is the sign of a ruined model.
    """
    kinds = result["kinds"]
    matter = kinds.get("content") or kinds.get("all") or {}
    reasons = [line for kind in KINDS if kind in kinds for line in lines_of(kind, kinds[kind])]
    control = result["control"]
    if control:
        reasons.append(
            f"control, answers scrambled: likelihood {span(control['gain'])}; right ones beyond it {span(control['beyond'])}"
        )
    lost = [measure for measure in MEASURES if is_below(kinds.get("all", {}).get(measure))]
    if lost:
        return "worse", [*reasons, f"lost beyond chance: {', '.join(lost)}"]
    likelier = is_above(kinds.get("all", {}).get("likelihood")) and (control is None or (control["beyond"][1] or -1.0) > 0)
    knows = any(is_above(matter.get(measure)) for measure in ("preference", "generation"))
    if likelier and knows:
        return "better", reasons
    return "open", [*reasons, doubt(result, matter)]


def doubt(result: Mapping[str, Any], matter: Mapping[str, Any]) -> str:
    if result["sessions"] < 2:
        return "all held-out pairs are of one session: nothing can be said of others"
    rate = next((matter[name]["win_rate"] for name in ("generation", "preference") if name in matter), 0.5)
    needed = pairs_needed(rate)
    changed = max(
        (matter[name]["gained"] + matter[name]["lost"] for name in ("generation", "preference") if name in matter), default=0
    )
    if needed is None or rate < 0.5:
        return f"nothing is gained where it matters; a win rate of 60 % would take {pairs_needed(0.6)} pairs to show"
    return f"{changed} pairs differ and {rate:.0%} of them are won; to show such a rate takes about {needed}"


def is_above(measure: Mapping[str, Any] | None) -> bool:
    return bool(measure) and (measure["gain"][1] is not None and measure["gain"][1] > 0)  # type: ignore[index]


def is_below(measure: Mapping[str, Any] | None) -> bool:
    return bool(measure) and (measure["gain"][2] is not None and measure["gain"][2] < 0)  # type: ignore[index]


def lines_of(kind: str, found: Mapping[str, Any]) -> list[str]:
    """``content, 30 pairs: preference 0.48 → 0.93, gain 0.45 [0.31 … 0.59]``"""
    lines = []
    for measure in MEASURES:
        if one := found.get(measure):
            before, after = (value[0] if isinstance(value := one[side], list) else value for side in ("against", "adapter"))
            name = "likelihood (nats a token, less is better)" if measure == "likelihood" else measure
            lines.append(
                f"{kind}, {one.get('count', found['pairs'])} pairs: {name} {before:.2f} → {after:.2f}, gain {span(one['gain'])}"
            )
    return lines


def span(values: Sequence[float | None], digits: int = 2) -> str:
    """``0.50 [0.41 … 0.59]``; an end that is not known is infinite."""
    value, low, high = (None if one is None else f"{one:.{digits}f}" for one in values)
    return "–" if value is None else f"{value} [{low or '-∞'} … {high or '∞'}]"


def scrambled(rows: Sequence[Row], chance: random.Random) -> list[dict[str, Any]]:
    """The rows with the right answers dealt out anew among the situations, as rows to imitate; no answer goes to a situation that
    it is right for, so far as that can be had."""
    right = [row["chosen"] if "chosen" in row else row["completion"] for row in rows]
    order = list(range(len(rows)))
    chance.shuffle(order)
    for place, source in enumerate(order):
        if right[source] == right[place]:
            other = next((k for k in order if right[order[k]] != right[place] and right[source] != right[k]), place)
            order[place], order[other] = order[other], order[place]
    return [
        {"id": row["id"], "prompt": row["prompt"], "completion": right[source]} for row, source in zip(rows, order, strict=True)
    ]
