"""By what a reader of screens knows the parts of a conversation: data, with a default that fits the programs seen so far.

Measured on Claude Code 2.1.329 and Codex 0.169.0; the words of others are from their documentation.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marks:
    """``prompts``: glyphs before a prompt, sent or typed. ``bullets``: before what the agent says and the tools it uses.
    ``notices``: before what the program itself has to say. ``children``: before what a tool printed. ``spinners``: before the
    row that tells that the agent works, or has. ``busy``: words by which it says that it can be interrupted.
    ``interrupted``, ``failed``: how a notice or an answer begins that ends a turn so. ``asides``: words with which a child
    begins that is no tool's."""

    prompts: str = ">❯›»"
    bullets: str = "●•⏺✦◦⬤"
    notices: str = "■▲⚠✕✖✗ℹ"
    children: str = "⎿└╰"
    spinners: str = "✢✳✶✻✽∗·*⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏◐◑◒◓"
    busy: tuple[str, ...] = (
        "esc to interrupt", "ctrl+c to interrupt", "esc to cancel", "press esc to stop", "ctrl-c to cancel", "esc interrupt",
    )  # fmt: skip
    interrupted: tuple[str, ...] = ("Interrupted", "Conversation interrupted", "Request cancelled", "[Request interrupted")
    failed: tuple[str, ...] = ("API Error", "[API Error")
    asides: tuple[str, ...] = ("Tip:", "Interrupted")


DEFAULT = Marks()
