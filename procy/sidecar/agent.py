"""Which agent has a pane."""

from procy.capture import process as processes
from procy.recording.foreground import find_agent, is_known
from procy.types import Process, Profile

LOOK_NS = 300_000_000


class AgentWatch:
    """Follows the program that has the pane's terminal. Values of one moment; asked again on every tick."""

    def __init__(self) -> None:
        self.group: int | None = None
        self.process: Process | None = None
        self.profile: Profile | None = None
        self.looked_ns = 0
        self.seen_ns = 0  # when that program was there for sure
        self.before_ns = 0  # when the one before it was

    def look(self, pane_pid: int, now_ns: int) -> bool:
        """Look again; True when another program has the terminal since the last look."""
        group = processes.foreground_group(pane_pid)
        same = group == self.group and self.profile is not None
        if same and self.profile_is_sure():
            self.seen_ns = now_ns
        if group is None or (same and (self.seen_ns == now_ns or now_ns - self.looked_ns < LOOK_NS)):
            return False
        self.looked_ns = now_ns
        process, profile = find_agent(group)
        changed = (process and process.pid) != (self.process and self.process.pid) or profile is not self.profile
        self.before_ns, self.seen_ns = (self.seen_ns if changed else self.before_ns), now_ns
        self.group, self.process, self.profile = group, process, profile
        return changed

    def profile_is_sure(self) -> bool:
        """A named agent stays what it is; a program that only started may still exec one."""
        return bool(self.profile and is_known(self.profile) and self.process and processes.is_same(self.process))
