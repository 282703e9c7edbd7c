"""What is shown on standard error of what an agent says."""

from __future__ import annotations

import os

from procy.stream.mirror import WAITING, Voice, preview


def test_a_preview_ends_where_a_line_does_and_acts_on_no_terminal() -> None:  # D19
    assert preview("one") == "one" and preview("one\ntwo") == preview("one\u2028two") == preview("one\x85two") == "one ..."
    assert preview("\x1b[2Jred\a\x9b1m") == "^[[2Jred^G\ufffd1m"


def test_a_reader_that_reads_nothing_stops_nobody() -> None:
    out, sink = os.pipe()
    voice = Voice(sink, "test")
    voice.start()
    for _ in range(50):
        for number in range(WAITING):
            voice.say(f"{number} {'x' * 1000}")
    assert voice.dropped > 0 and len(voice.lines) <= WAITING
    os.close(out)  # it goes: the thread ends
    voice.end(30)
    assert not voice.is_alive()
    os.close(sink)
