"""What an agent is said to be doing, from what its terminal tells."""

from __future__ import annotations

from procy.parse.terminal import TerminalReader
from procy.plugins import profile_named
from procy.sidecar.agent import AgentWatch
from procy.sidecar.state import StateWatch
from procy.types import Picture, Read

SECOND = 1_000_000_000
IDLE, BUSY = "\x1b]0;◇  Ready\x07".encode(), "\x1b]0;✦  Working\x07".encode()


def test_an_agent_that_was_busy_between_two_looks_is_idle_anew() -> None:
    """Its turn ends then: nothing else tells that, and its state is the one that was told before."""
    reader, state, agent = TerminalReader(Picture(80, 24, b"")), StateWatch(), AgentWatch()
    agent.profile = profile_named("gemini-cli")
    reader.feed(Read(10 * SECOND, 0, 80, 24, IDLE))
    assert state.changed(None, reader, None, agent, 11 * SECOND)
    assert (state.now.state, state.now.at_ns, state.is_renewed) == ("idle", 10 * SECOND, False)
    assert not state.changed(None, reader, None, agent, 12 * SECOND) and not state.is_renewed
    reader.feed(Read(20 * SECOND, len(IDLE), 80, 24, BUSY + IDLE))
    assert not state.changed(None, reader, None, agent, 21 * SECOND)
    assert (state.now.state, state.now.at_ns, state.is_renewed) == ("idle", 20 * SECOND, True)
    assert state.since_ns == 10 * SECOND
    assert not state.changed(None, reader, None, agent, 22 * SECOND) and not state.is_renewed
