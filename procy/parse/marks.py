"""By what a reader of screens knows the parts of a conversation: data, with a default that fits the programs seen so far.

Measured on Claude Code 2.1.329 and Codex 0.169.0; the words of others are from their documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Marks:
    """``prompts``: glyphs before a prompt, sent or typed. ``bullets``: before what the agent says and the tools it uses.
    ``notices``: before what the program itself has to say. ``children``: before what a tool printed. ``spinners``: before the
    row that tells that the agent works, or has. ``busy``: words by which it says that it can be interrupted.
    ``interrupted``, ``failed``: how a notice or an answer begins that ends a turn so. ``asides``: words with which a child
    begins that is no tool's. ``questions``: how a row begins, behind what frames it, by which the program asks for leave."""

    prompts: str = ">❯›»"
    bullets: str = "●•⏺✦◦⬤◆"
    notices: str = "■▲⚠✕✖✗ℹ"
    children: str = "⎿└╰"
    spinners: str = "✢✳✶✻✽∗·*⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏◐◑◒◓"
    busy: tuple[str, ...] = (
        "esc to interrupt", "ctrl+c to interrupt", "esc to cancel", "press esc to stop", "ctrl-c to cancel", "esc interrupt",
    )  # fmt: skip
    interrupted: tuple[str, ...] = ("Interrupted", "Conversation interrupted", "Request cancelled", "[Request interrupted")
    failed: tuple[str, ...] = ("API Error", "[API Error")
    asides: tuple[str, ...] = ("Tip:", "Interrupted")
    questions: tuple[str, ...] = ()

    def with_more(self, added: Mapping[str, str | Sequence[str]]) -> Marks:
        """These marks and those of a profile: glyphs are one text, words and openings a list of them.

        Raises ValueError for what is no mark, TypeError for one that is neither.
        """
        kinds = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        for name, value in added.items():
            if name not in kinds:
                raise ValueError(f"{name!r} is no mark; there are {', '.join(kinds)}")
            if isinstance(value, str) != (kinds[name] is str) or not all(isinstance(one, str) and one for one in value):
                raise TypeError(f"{name!r} is to be {'one text' if kinds[name] is str else 'a list of texts'}")
        whole = {name: value if isinstance(value, str) else tuple(value) for name, value in added.items()}
        return replace(self, **{name: getattr(self, name) + value for name, value in whole.items()})


DEFAULT = Marks()
