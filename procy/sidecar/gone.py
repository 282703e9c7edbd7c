"""A pane whose tmux server is no more: cut off by that, or ended by its user, which ends the server with its last pane."""

from procy.sidecar.session import Follower
from procy.store.resumable import SERVER_GONE


def why_gone(follower: Follower, panes: int) -> str:
    """Why the recording is over. ``panes``: how many the server had when it was last looked at, 0 where nobody did."""
    process, profile = follower.agent.process, follower.agent.profile
    pane_is_agent = process is not None and process.pid == follower.meta.pane_pid and bool(profile and profile.transcript)
    if panes == 1 and pane_is_agent:
        return "the agent ended, and with it the tmux server"
    return SERVER_GONE
