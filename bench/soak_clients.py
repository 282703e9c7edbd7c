"""``python -m bench.soak_clients PORT PREFIX SECONDS``: 32 clients of a gateway, each calls about twice a second."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from bench.gateway import AT_ONCE, Target, ask, body_of

PAUSE_S = 0.5


async def client(target: Target, number: int, until: float, times: list[float]) -> None:
    await asyncio.sleep(PAUSE_S * number / AT_ONCE)
    while time.monotonic() < until:
        times += [first for first, _ in await ask(target, body_of("stream"), 1)]
        await asyncio.sleep(PAUSE_S)


async def run(port: int, prefix: str, seconds: float) -> None:
    target, times = Target("gateway", port, 0, prefix), list[float]()
    until = time.monotonic() + seconds
    await asyncio.gather(*(client(target, number, until, times) for number in range(AT_ONCE)))
    times.sort()
    print(len(times), statistics.median(times), times[len(times) * 99 // 100])


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
