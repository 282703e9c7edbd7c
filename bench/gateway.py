"""What the gateway costs, beside the same calls without it and through a bare ASGI pass-through, all in one run.

Upstream, pass-through and gateway are processes of their own on loopback; this one only asks. ``make bench-gateway``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.table import megabytes, milliseconds, table
from procy.gateway import address, launch
from procy.gateway.tokens import read_tokens
from procy.places import Places, make_home
from procy.store.db import open_reader

ROUNDS = int(os.environ.get("ROUNDS", "5"))
ALONE = 150  # calls of a round, one after the other
TOGETHER = 1600  # calls of a round, 32 at once
AT_ONCE = 32
MANY = 50_000  # calls none of whose rows may be lost (CALLS=…)
KEY = "sk-of-the-bench-0123"
WORDS = "the quick brown fox jumps over a lazy dog "
SETTINGS = """
[gateway]
claude_port = 0
codex_port = 0
openai_port = 0
[upstreams.bench]
service = "claude"
base_url = "{url}"
active = true
"""


@dataclass
class Target:
    """Something that answers. ``pid``: of the process whose processor time and memory count, with those that it started.
    ``slower``: so many times fewer calls are made. ``start_s``: until it answered."""

    name: str
    port: int
    pid: int
    prefix: str = ""
    slower: int = 1
    start_s: float = 0.0
    first: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    json_alone: list[float] = field(default_factory=list)
    rates: dict[str, list[float]] = field(default_factory=lambda: {"json": [], "stream": []})
    cpu: dict[str, list[float]] = field(default_factory=lambda: {"json 1": [], "json 32": [], "stream 32": []})


def run() -> None:
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="procy-bench-")))
        upstream = stack.enter_context(server("upstream"))
        through = stack.enter_context(server("through", f"http://127.0.0.1:{upstream[0]}"))
        places, started_s = stack.enter_context(gateway(root, f"http://127.0.0.1:{upstream[0]}"))
        found = address.running(places)
        assert found is not None
        prefix = f"/p/{read_tokens(places).general()}"
        targets = [
            Target("direct", upstream[0], upstream[1]),
            Target("bare pass-through", through[0], through[1]),
            Target("procy gateway", found.ports["claude"], found.pid, prefix),
        ]
        if os.environ.get("RIVALS"):
            from bench.gateway_rivals import rivals

            others = rivals(stack, root, f"http://127.0.0.1:{upstream[0]}")
            targets += [Target(one.name, one.port, one.pid, "", one.slower, one.start_s) for one in others]
        idle_bytes = memory(found.pid)
        asyncio.run(measure(targets))
        loaded = memory(found.pid)
        show(targets)
        show_rivals(targets)
        calls = int(os.environ.get("CALLS", MANY))
        ours = targets[2]
        asyncio.run(idle(ours))
        before = rows(places)
        spent = asyncio.run(load(ours, calls, body_of("json"), AT_ONCE))
        kept = settled(places, before + calls) - before
        after, after_rss = memory(found.pid), rss(found.pid)
        bare = without_bodies(places)
        table("weight", ("figure", "is", "aim"), [
            ("start to answering", milliseconds(started_s), "≤ 1 s"),
            ("memory idle", megabytes(idle_bytes), ""), ("memory after the rounds", megabytes(loaded), "≤ 80 MB"),
            (f"memory after {calls} calls", megabytes(after), "≤ 80 MB"),
            ("RSS then, shared pages twice", megabytes(after_rss), ""),
            *([("highest RSS, shared pages twice", megabytes(highest_rss(found.pid)), "")] if sys.platform == "linux" else []),
            ("calls without their bodies", str(bare), "0"),
            (f"rows of {calls} calls at {calls / spent:.0f}/s", str(kept), f"{calls}"),
        ])  # fmt: skip
        storage(ours, places)


def show(targets: Sequence[Target]) -> None:
    direct = targets[0]

    def times(values: list[float], base: list[float]) -> str:
        middle = statistics.median(values)
        return f"{milliseconds(middle)} ({middle / statistics.median(base):.1f} ×)"

    def rate(values: list[float], base: list[float]) -> str:
        middle = statistics.median(values)
        return f"{middle:.0f}/s ({middle / statistics.median(base):.2f} ×)"

    table(f"one call after the other ({ROUNDS} × {ALONE})", ("through", "8 KB JSON", "stream: first byte", "stream: whole"), [
        (one.name, times(one.json_alone, direct.json_alone), times(one.first, direct.first), times(one.total, direct.total))
        for one in targets
    ], "first byte ≤ 3 × direct")  # fmt: skip
    table(f"{AT_ONCE} at once ({ROUNDS} × {TOGETHER})", ("through", "8 KB JSON", "streams"), [
        (one.name, *(rate(one.rates[kind], direct.rates[kind]) for kind in ("json", "stream"))) for one in targets
    ])  # fmt: skip
    table("processor time of a call", ("through", *(f"{name} at once" for name in direct.cpu)), [
        (one.name, *(milliseconds(statistics.median(values)) for values in one.cpu.values())) for one in targets
    ], "≤ 0.6 ms for 8 KB JSON")  # fmt: skip


def show_rivals(targets: Sequence[Target]) -> None:
    ours, others = targets[2], targets[3:]
    if not others:
        return

    def more(one: Target, kind: str) -> str:
        return f"{statistics.median(ours.rates[kind]) / statistics.median(one.rates[kind]):.0f} ×"

    table(f"our throughput to theirs, {AT_ONCE} at once", ("beside", "8 KB JSON", "streams", "their start", "their memory"), [
        (one.name, more(one, "json"), more(one, "stream"), f"{one.start_s:.1f} s", megabytes(memory(one.pid))) for one in others
    ], "≥ 10 × claude-code-router, ≥ 25 × LiteLLM")  # fmt: skip


async def measure(targets: Sequence[Target]) -> None:
    for one in targets:
        await load(one, 200 // one.slower, body_of("json"), 8)
    for number in range(ROUNDS):
        for one in targets[number % len(targets) :] + targets[: number % len(targets)]:  # type: ignore[operator]
            await a_round(one)


async def a_round(target: Target) -> None:
    await idle(target)
    alone, together = ALONE // target.slower, TOGETHER // target.slower
    before = cpu(target.pid)
    target.json_alone += [total for _, total in await ask(target, body_of("json"), alone)]
    target.cpu["json 1"].append((cpu(target.pid) - before) / alone)
    streams = await ask(target, body_of("stream"), alone)
    target.first += [first for first, _ in streams]
    target.total += [total for _, total in streams]
    for kind in ("json", "stream"):
        before = cpu(target.pid)
        target.rates[kind].append(together / await load(target, together, body_of(kind), AT_ONCE))
        target.cpu[f"{kind} 32"].append((cpu(target.pid) - before) / together)


async def idle(target: Target) -> None:
    """Wait until what was recorded of earlier rounds is written."""
    while target.prefix:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        told = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])
        writer.close()
        if not told["recorder"]["waiting"]:
            return
        await asyncio.sleep(0.1)


async def load(target: Target, calls: int, body: bytes, at_once: int) -> float:
    """Seconds of wall time."""
    began = time.perf_counter()
    await asyncio.gather(*(ask(target, body, calls // at_once + (number < calls % at_once)) for number in range(at_once)))
    return time.perf_counter() - began


async def ask(target: Target, body: bytes, calls: int) -> list[tuple[float, float]]:
    """Seconds to the reply's first byte and to its last, of calls over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=1 << 20)
    head = [
        f"POST {target.prefix}/v1/messages HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"x-api-key: {KEY}",
        "anthropic-version: 2023-06-01",
    ]
    request = "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body
    found = []
    for _ in range(calls):
        began = time.perf_counter()
        writer.write(request)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert b" 200 " in answer.partition(b"\r\n")[0], answer
        if b"transfer-encoding: chunked" in answer:
            size = int(await reader.readline(), 16)
            first = time.perf_counter() - began
            while size:
                await reader.readexactly(size + 2)
                size = int(await reader.readline(), 16)
            await reader.readline()
        else:
            await reader.readexactly(int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            first = time.perf_counter() - began
        found.append((first, time.perf_counter() - began))
    writer.close()
    return found


def body_of(kind: str) -> bytes:
    content = (WORDS * 200)[:7900]
    return json.dumps(
        {"model": "bench", "stream": kind == "stream", "max_tokens": 100, "messages": [{"role": "user", "content": content}]}
    ).encode()


def storage(target: Target, places: Places) -> None:
    """A conversation of 120 calls, each with all that was said before."""
    start, raw = size_of(places), 0
    before = rows(places)
    messages: list[dict[str, str]] = []

    async def talk() -> None:
        nonlocal raw
        for number in range(120):
            text = " ".join(f"{WORDS.split()[(number * 7 + word * word) % 9]}{word * number % 97}" for word in range(450))
            messages.append({"role": "user" if number % 2 == 0 else "assistant", "content": f"{number}: {text}"})
            messages.append({"role": "user", "content": f"result {number} " + text[::-1]})
            body = json.dumps({"model": "bench", "messages": messages}).encode()
            raw += len(body)
            await ask(target, body, 1)

    asyncio.run(talk())
    settled(places, before + 120)
    kept = size_of(places) - start
    table("what 120 calls of a growing conversation need", ("figure", "is", "aim"), [
        ("sent", megabytes(raw), ""), ("requests as stored", f"{megabytes(kept)} ({kept / raw:.2%})", "≤ 1 %"),
    ])  # fmt: skip


def size_of(places: Places) -> int:
    """Bytes of pieces and of what says which body is made of which."""
    query = "SELECT (SELECT sum(length(data) + 16) FROM exchange_parts) + (SELECT sum(length(parts)) FROM exchange_bodies)"
    with open_reader(places.db) as connection:
        return int(connection.execute(query).fetchone()[0] or 0)


def rows(places: Places) -> int:
    with open_reader(places.db) as connection:
        return int(connection.execute("SELECT count(*) FROM exchanges WHERE outcome = 'ok'").fetchone()[0])


def without_bodies(places: Places) -> int:
    with open_reader(places.db) as connection:
        return int(connection.execute("SELECT count(*) FROM exchanges WHERE bodies = 'overload'").fetchone()[0])


def family(pid: int) -> list[psutil.Process]:
    """A process and those it has started: the gateway has a writer."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def memory(pid: int) -> int:
    """Bytes of all of them; what several processes share is divided among them, where the system can tell."""
    found = [process.memory_full_info() for process in family(pid)]
    return sum(getattr(one, "pss", one.uss) for one in found)


def rss(pid: int) -> int:
    """What they share counts for each."""
    return sum(process.memory_info().rss for process in family(pid))


def highest_rss(pid: int) -> int:
    """The sum of what each of them had when it had most, in bytes."""
    found = 0
    for process in family(pid):
        line = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
        found += int(line.split()[1]) << 10
    return found


def settled(places: Places, wanted: int) -> int:
    """The rows once they are all there, or do not become more."""
    end, last = time.monotonic() + 60, 0
    while (found := rows(places)) < wanted and time.monotonic() < end:
        if found != last:
            last, end = found, time.monotonic() + 20
        time.sleep(0.1)
    return found


def cpu(pid: int) -> float:
    every = [process.cpu_times() for process in family(pid)]
    return sum(times.user + times.system for times in every)


@contextmanager
def gateway(root: Path, url: str) -> Iterator[tuple[Places, float]]:
    home = root / "home"
    places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(root / "config.toml"))
    make_home(places)
    Path(places.config).write_text(SETTINGS.format(url=url))
    launch.up(places)  # makes the database, which a first start pays for
    launch.stop(places)
    began = time.perf_counter()
    port = launch.up(places).ports["claude"]
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        asking.recv(100)
    try:
        yield places, time.perf_counter() - began
    finally:
        launch.stop(places)


@contextmanager
def server(name: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """One of the two below, in a process of its own: port and pid."""
    command = [sys.executable, "-m", "bench.gateway_servers", name, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


if __name__ == "__main__":
    run()
