"""Processor time and memory of processes while they work, by quarters of the time."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psutil

Find = Callable[[], Mapping[str, Sequence[int]]]
"""Pids by the name under which they are told, as they are now."""


@dataclass
class Sample:
    """``cpu``: share of one core since the sample before; ``memory``: bytes, shared ones divided among who shares them."""

    at_s: float
    count: int
    cpu: float
    memory: int


@dataclass
class Samples:
    find: Find
    behind: Callable[[], Mapping[str, int]]
    pause_s: float = 3.0
    of: dict[str, list[Sample]] = field(default_factory=dict)
    waiting: list[tuple[float, int, int]] = field(default_factory=list)  # seconds, bytes of all panes, of the worst one

    def __enter__(self) -> Samples:
        self.began = self.last = time.monotonic()
        self.spent: dict[int, float] = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def run(self) -> None:
        self.take()
        self.of.clear()  # the first only says where the counting begins
        while not self.over.wait(self.pause_s):
            self.take()

    def take(self) -> None:
        now = time.monotonic()
        for name, pids in self.find().items():
            cpu, memory = 0.0, 0
            for pid in pids:
                try:
                    process = psutil.Process(pid)
                    times, held = process.cpu_times(), process.memory_full_info()
                except psutil.Error:
                    continue
                spent = times.user + times.system
                cpu += spent - self.spent.get(pid, spent)
                self.spent[pid] = spent
                memory += getattr(held, "pss", held.uss)
            sample = Sample(now - self.began, len(pids), cpu / max(now - self.last, 0.001), memory)
            self.of.setdefault(name, []).append(sample)
        waiting = list(self.behind().values()) or [0]
        self.waiting.append((now - self.began, sum(waiting), max(waiting)))
        self.last = now

    def rows(self) -> list[tuple[str, ...]]:
        """Name, processes, CPU and memory of each quarter, and how much memory the last has more than the second."""
        found = []
        for name, samples in self.of.items():
            parts = [quarter for quarter in quarters(samples) if quarter]
            cpu = " ".join(f"{statistics.mean(one.cpu for one in part):.0%}" for part in parts)
            sizes = [statistics.mean(one.memory for one in part) for part in parts]
            memory = " ".join(f"{size / 1e6:.1f}" for size in sizes)
            growth = f"{sizes[-1] / sizes[1] - 1:+.1%}" if len(sizes) == 4 else ""
            found.append((name, str(samples[-1].count), cpu, memory, growth))
        return found

    def behind_by_quarter(self) -> str:
        """The most bytes that waited, in MB: all panes together, and the worst of them."""
        parts = [part for part in quarters(self.waiting) if part]
        return ", ".join(f"{max(one[1] for one in part) / 1e6:.1f} ({max(one[2] for one in part) / 1e6:.1f})" for part in parts)


def quarters(values: Sequence[Sample | tuple[float, int, int]]) -> list[list]:
    count = len(values)
    return [list(values[count * place // 4 : count * (place + 1) // 4]) for place in range(4)]
