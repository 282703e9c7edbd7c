"""Seals: what a provider signs or encrypts of its model's reasoning, and wants back unchanged with the next request.

A client whose wire is another one keeps the seal in its own wire's field, marked with where it came from, so that it goes
back to that wire only: a seal of one provider is an error at another.
"""

from __future__ import annotations

MARK = "procy"


def outward(wire: str, seal: str, hidden: bool = False) -> str:
    """The seal as the client keeps it. Reasoning of a wire without seals gets an empty one, so that it is known again."""
    return f"{MARK}.{wire}.{'hidden' if hidden else 'shown'}.{seal}"


def homeward(wire: str, kept: str) -> tuple[str, bool] | None:
    """The seal as the upstream of ``wire`` made it, and whether the text was hidden; None where it is none of its."""
    mark, _, rest = kept.partition(".")
    made_by, _, rest = rest.partition(".")
    kind, _, seal = rest.partition(".")
    return (seal, kind == "hidden") if mark == MARK and made_by == wire else None


def is_foreign(kept: str) -> bool:
    """Whether a translation made it: no upstream takes it as it is."""
    return kept.startswith(f"{MARK}.")
