"""How much a model shall think, as each wire says it."""

from __future__ import annotations

from typing import Any, get_args

from procy.parse.wire.fields import Losses, refused
from procy.parse.wire.neutral import Effort

BUDGETS: tuple[tuple[int, Effort], ...] = ((4096, "low"), (16384, "medium"))  # tokens of thinking below which it is called so


def effort(value: Any, field: str) -> Effort | None:
    if value is None or value in get_args(Effort):
        return value  # type: ignore[no-any-return]
    raise refused(field, f"{value!r} is no effort that procy knows", f"Use one of {', '.join(get_args(Effort))}.")


def of_budget(tokens: int) -> Effort:
    return next((name for limit, name in BUDGETS if tokens < limit), "high")


def for_messages(asked: Effort | None, losses: Losses) -> Effort | None:
    """``anthropic-messages`` has no effort below low; none at all is said by switching thinking off."""
    if asked == "minimal":
        losses.note("reasoning effort", "minimal is low there, the least it has")
        return "low"
    return None if asked == "none" else asked
