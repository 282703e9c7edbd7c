"""Text on its way into an agent's composer, and out of it with Enter."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from procy.act.target import Look, Target, check_reach
from procy.capture.tmux import Tmux
from procy.errors import PaneBusy
from procy.parse.composer import holds_only

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LINE_ENDS = re.compile("\r\n?")
COMMAND = re.compile(r"[/!]\S[^\n]*")
COMPLETED = re.compile(r"(?:^|\s)[@$]\S*\Z|\\\Z")  # Enter would complete that word, or (backslash) begin a new line
PAUSE_S = 0.25  # Codex takes an Enter sooner after text for a line feed of a paste (its window is 120 ms)
DRAW_S = 10.0  # a paste of 100 KB is drawn in far less
CALM_S = 0.1  # a composer that has not changed for so long is drawn
VERIFY_S = 1.5  # after an Enter
PRESSES = 3
POLL_S = 0.05


def cleaned(text: str) -> str:
    """As it can be pasted: line ends as LF, no control characters besides LF and TAB, no line feed at the end.

    A control character in a paste would act on the agent: ESC [ 2 0 1 ~ ends the frame around it (tmux before 3.7).
    """
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return CONTROLS.sub("", LINE_ENDS.sub("\n", whole)).rstrip("\n")


def put(tmux: Tmux, pane_id: str, text: str) -> None:
    """Paste text into the composer, to be edited and sent by the human."""
    tmux.paste(pane_id, cleaned(text))


def is_command(text: str) -> bool:
    """Whether it is a line for the agent itself: ``/clear``, ``!ls``."""
    return COMMAND.fullmatch(text) is not None


class Composer:
    """The place of one text in one agent's composer."""

    def __init__(self, target: Target, text: str) -> None:
        self.target, self.text = target, text
        self.is_seen = bool(target.profile and target.profile.composer)
        self.pressed = False
        self.left = False  # the text was there and is gone

    def put(self) -> None:
        """Type or paste the text, once, and wait until it stands there."""
        if is_command(self.text):  # typed, so that the agent's menu of commands sees it
            self.target.tmux.type(self.target.name, self.text)
        else:
            end = " " if COMPLETED.search(self.text) else ""  # which agents cut off
            self.target.tmux.paste(self.target.name, self.text + end)
        time.sleep(PAUSE_S)
        if self.is_seen:
            self.wait(self.holds_text, DRAW_S)

    def enter(self) -> None:
        """Press Enter until the text has left. Raises PaneBusy or PaneRefuses, without a press, where a human was faster."""
        for _ in range(1 if is_command(self.text) else PRESSES):  # a second Enter would choose from the menu it opened
            look = self.target.look()
            shown = self.shown(look)
            if self.is_seen and not self.holds_text(shown):
                if self.pressed:  # it has left a little late
                    self.left = True
                    return
                there = f"something else than the prompt ({' '.join(shown.split())[:60]!r})" if shown else "no prompt"
                what = f"{there} stands in pane {self.target.name} after it was typed"
                raise PaneBusy(what, "It was not sent; look at what is typed there, and send or delete it")
            check_reach(self.target, look)
            self.pressed = True
            self.target.tmux.press(self.target.name, "Enter")
            self.left = self.is_seen and self.wait(lambda shown: not self.holds_text(shown), VERIFY_S)
            if self.left or not self.is_seen:
                return

    def shown(self, look: Look) -> str | None:
        """What stands in the composer. A ``!`` at the beginning becomes its mark."""
        typed = self.target.typed(look)
        if typed is None and self.text.startswith("!"):
            command = self.target.typed(look, ("!",))
            return None if command is None else f"!{command}"
        return typed

    def holds_text(self, shown: str | None) -> bool:
        return bool(shown) and holds_only(shown or "", self.text)

    def wait(self, wanted: Callable[[str | None], bool], patience_s: float) -> bool:
        """Until the composer shows what is wanted and has come to rest; False when it does not in time."""
        return wanted(settled(lambda: self.shown(self.target.look()), wanted, patience_s))


def settled(
    show: Callable[[], str | None], wanted: Callable[[str | None], bool], patience_s: float, calm_s: float = CALM_S
) -> str | None:
    """What a composer shows when that is wanted and has come to rest; what it shows at last, where it does not in time."""
    until = time.monotonic() + patience_s
    shown, since = show(), time.monotonic()
    while time.monotonic() < until and not (wanted(shown) and time.monotonic() - since >= calm_s):
        time.sleep(POLL_S)
        now = show()
        shown, since = now, since if now == shown else time.monotonic()
    return shown
