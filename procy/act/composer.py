"""Text on its way into an agent's composer."""

import re

from procy.capture.tmux import Tmux

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LINE_ENDS = re.compile("\r\n?")


def cleaned(text: str) -> str:
    """As it can be pasted: line ends as LF, no control characters besides LF and TAB, no line feed at the end.

    A control character in a paste would act on the agent: ESC [ 2 0 1 ~ ends the frame around it (tmux before 3.7).
    """
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return CONTROLS.sub("", LINE_ENDS.sub("\n", whole)).rstrip("\n")


def put(tmux: Tmux, pane_id: str, text: str) -> None:
    """Paste text into the composer, to be edited and sent by the human."""
    tmux.paste(pane_id, cleaned(text))
