"""The tap alone, on a socket pair as tmux gives it: every byte once, whatever kills it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from procy.capture import tap
from procy.capture.spool import Cursor, Spool
from tests.conftest import wait_until


class Pipe:
    """A tap in its loop, the writing end of its socket, and the folder it appends to."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder)
        self.here, there = socket.socketpair()
        self.lock = (folder / "lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # as if a sidecar lived
        capture = resources.files("procy.capture")
        command = [
            "/bin/sh",
            str(capture / "tap.sh"),
            sys.executable,
            str(capture / "tap.py"),
            str(folder),
            self.lock.name,
            str(folder),
            "",
        ]
        self.process = subprocess.Popen(command, stdin=there)
        there.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.here.shutdown(socket.SHUT_WR)
        self.process.wait(10)

    def bytes(self) -> bytes:
        return b"".join(data for _, data, _ in self.spool.records(Cursor(), 1 << 40))


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path)
    yield pipe
    pipe.process.kill()
    pipe.here.close()


@pytest.mark.parametrize("kind", ["random", "repeating"])
def test_killed_at_random_moments_every_byte_arrives_once(pipe: Pipe, kind: str) -> None:
    chance = random.Random(11)
    over = threading.Event()
    killed = []

    def kill() -> None:
        while not over.is_set():
            time.sleep(chance.random() * 0.05)
            if state := pipe.spool.state():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(state.pid, signal.SIGKILL)
                    killed.append(state.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    sent = []
    for _ in range(4000):
        piece = os.urandom(chance.choice([10, 4095, 20000])) if kind == "random" else b"%08d y\n" % len(sent) * 400
        pipe.here.sendall(piece)
        sent.append(piece)
    over.set()
    thread.join()
    pipe.close()
    assert len(set(killed)) > 3
    assert pipe.bytes() == b"".join(sent)


def test_records_tell_time_offset_and_kind(pipe: Pipe) -> None:
    before = time.time_ns()
    for text in (b"one", b"two", b"three"):
        pipe.here.sendall(text)
        wait_until(lambda text=text: pipe.bytes().endswith(text))
    pipe.close()
    records = [record for record, _, _ in pipe.spool.records(Cursor())]
    assert [record.kind for record in records] == [tap.START, tap.DATA, tap.DATA, tap.DATA, tap.END]
    assert [record.offset for record in records] == [0, 0, 3, 6, 11]
    times = [record.time_ns for record in records]
    assert times == sorted(times) and before <= times[0] <= times[-1] <= time.time_ns()


def test_segments_follow_each_other(pipe: Pipe) -> None:
    sent = b"".join(os.urandom(1 << 20) for _ in range(10))
    pipe.here.sendall(sent)
    pipe.close()
    assert len(list(pipe.spool.path.glob("*.raw"))) >= 2
    assert pipe.bytes() == sent
    read, cursor = b"", Cursor()
    while True:
        part = list(pipe.spool.records(cursor, limit_bytes=100_000))
        if not part:
            break
        read += b"".join(data for _, data, _ in part)
        cursor = part[-1][2]
    assert read == sent


def test_what_cannot_be_written_is_counted_and_noted_when_there_is_room(tmp_path: Path) -> None:
    """A limit on file sizes stands for the full disk: writes fail in the same place with another word."""
    there, here = socket.socketpair()
    code = (
        "import sys, resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100000, resource.RLIM_INFINITY)); "
        f"sys.argv = ['tap', {str(tmp_path)!r}, {str(tmp_path / 'lock')!r}, '60']; "
        f"sys.path.insert(0, {str(Path(tap.__file__).parent)!r}); import tap; sys.exit(tap.main())"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=there)
    there.close()
    spool = Spool(tmp_path)
    here.sendall(b"a" * 90_000)
    wait_until(lambda: (state := spool.state()) and state.end == 90_000)
    here.sendall(b"b" * 50_000)
    wait_until(lambda: (state := spool.state()) and state.lost == 50_000)
    assert spool.state().end == 90_000  # type: ignore[union-attr]
    here.shutdown(socket.SHUT_WR)
    assert process.wait(10) == 0
    here.close()
    assert b"".join(data for _, data, _ in spool.records(Cursor())) == b"a" * 90_000


def test_without_a_sidecar_the_loop_starts_one(tmp_path: Path) -> None:
    """A stand-in for Python records what it is asked to run; the tap itself is real."""
    asked = tmp_path / "asked"
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *procy.sidecar*) echo "$*" >> {asked}; exit 0 ;; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    there, here = socket.socketpair()
    capture = resources.files("procy.capture")
    folder = tmp_path / "spool"
    folder.mkdir()
    command = [
        "/bin/sh",
        str(capture / "tap.sh"),
        str(python),
        str(capture / "tap.py"),
        str(folder),
        str(tmp_path / "lock"),
        str(tmp_path),
        "",
    ]
    process = subprocess.Popen(command, stdin=there)
    there.close()
    wait_until(asked.exists, 10)
    here.sendall(b"still read")
    wait_until(lambda: (state := Spool(folder).state()) and state.end == 10)
    here.close()
    process.wait(10)


def test_a_tap_that_cannot_start_leaves_the_bytes_to_cat(tmp_path: Path) -> None:
    there, here = socket.socketpair()
    capture = resources.files("procy.capture")
    command = [
        "/bin/sh",
        str(capture / "tap.sh"),
        "/bin/false",
        str(capture / "tap.py"),
        str(tmp_path),
        str(tmp_path / "lock"),
        str(tmp_path),
        "",
    ]
    process = subprocess.Popen(command, stdin=there)
    there.close()
    here.sendall(b"rather unstamped than nowhere")
    fallback = tmp_path / "fallback.raw"
    wait_until(lambda: fallback.exists() and fallback.read_bytes() == b"rather unstamped than nowhere", 20)
    assert Spool(tmp_path).unclaimed(Cursor()) == b"rather unstamped than nowhere"
    here.close()
    process.wait(10)


def test_the_tap_imports_nothing_of_procy_and_little_else() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import tap; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, str(Path(tap.__file__).parent)]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "tap" in modules
    assert not {"procy", "re", "json", "sqlite3", "subprocess", "typing"} & {name.split(".")[0] for name in modules}


def test_state_is_as_the_reader_thinks(pipe: Pipe) -> None:
    pipe.here.sendall(b"x" * 1000)
    state = wait_until(lambda: (state := pipe.spool.state()) and state.end == 1000 and state)
    magic, pid, segment, end, raw, index, written, _taken, lost = struct.unpack(
        "<8sIIQQQQQQ", (pipe.spool.path / "tap.state").read_bytes()
    )
    assert (magic, segment, end, raw, lost) == (b"procytp1", 1, 1000, 1000, 0)
    assert index == written * tap.RECORD.size
    assert state.pid == pid  # type: ignore[attr-defined]
    pipe.close()


# -- a disk that loses some of it -----------------------------------------------------------------------------------------


def filled(folder: Path) -> Spool:
    """Ten reads of 100 bytes in two segments, as a tap leaves them."""
    import zlib

    spool = Spool(folder)
    for number in range(10):
        segment = 1 + number // 5
        data = bytes([number]) * 100
        with spool.segment(segment, "raw").open("ab") as raw, spool.segment(segment, "idx").open("ab") as index:
            raw.write(data)
            index.write(tap.RECORD.pack(number + 1, number * 100, 100, 80, 24, tap.DATA, zlib.crc32(data)))
    state = tap.STATE.pack(tap.MAGIC, 0, 2, 1000, 500, 5 * tap.RECORD.size, 10, 10, 0)
    (folder / "tap.state").write_bytes(state)
    return spool


def story(spool: Spool, cursor: Cursor) -> list[tuple[str, int, int]]:
    """What is read from there: data and damage, each with its place in the stream."""
    told = []
    for record, data, behind in spool.records(cursor):
        told.append(("data" if data else "damaged", record.offset, record.end))
        assert behind.offset == record.end
        assert data == b"".join(bytes([number]) * 100 for number in range(10))[record.offset : record.end] or not data
    return told


def reads(*numbers: int) -> list[tuple[str, int, int]]:
    return [("data", number * 100, number * 100 + 100) for number in numbers]


@pytest.mark.parametrize(
    ("segment", "suffix", "at", "lost"),
    [
        (1, "raw", 250, [2]), (1, "raw", 499, [4]), (2, "raw", 0, [5]), (2, "raw", 499, [9]),
        (1, "idx", 3 * tap.RECORD.size + 8, [3]), (2, "idx", 4 * tap.RECORD.size + 16, [9]), (1, "idx", 8, [0]),
    ],
)  # fmt: skip
def test_what_the_disk_changed_is_told_and_the_rest_read(
    tmp_path: Path, segment: int, suffix: str, at: int, lost: list[int]
) -> None:
    spool = filled(tmp_path)
    assert story(spool, Cursor()) == reads(*range(10))
    path = spool.segment(segment, suffix)
    content = bytearray(path.read_bytes())
    content[at] ^= 0x5A
    path.write_bytes(content)
    before, after = [n for n in range(10) if n < lost[0]], [n for n in range(10) if n > lost[-1]]
    assert story(spool, Cursor()) == [*reads(*before), ("damaged", lost[0] * 100, lost[-1] * 100 + 100), *reads(*after)]


@pytest.mark.parametrize(
    ("segment", "suffix", "size", "lost"),
    [(1, "raw", 320, [3, 4]), (2, "raw", 499, [9]), (1, "idx", 90, [2, 3, 4]), (2, "idx", 0, [5, 6, 7, 8, 9])],
)
def test_what_the_disk_cut_off_is_told_and_the_rest_read(
    tmp_path: Path, segment: int, suffix: str, size: int, lost: list[int]
) -> None:
    spool = filled(tmp_path)
    os.truncate(spool.segment(segment, suffix), size)
    before, after = [n for n in range(10) if n < lost[0]], [n for n in range(10) if n > lost[-1]]
    told = [*reads(*before), ("damaged", lost[0] * 100, lost[-1] * 100 + 100), *reads(*after)]
    found = story(spool, Cursor())
    assert [one for one in found if one[1] < one[2]] == told


def test_a_tap_that_finds_its_files_cut_off_goes_on_in_new_ones(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    os.truncate(spool.segment(2, "raw"), 450)
    pipe = Pipe(tmp_path)
    pipe.here.sendall(b"more")
    wait_until(lambda: (state := spool.state()) and state.end == 1004)
    pipe.close()
    told = [(record.offset, data) for record, data, _ in spool.records(Cursor()) if data or record.length]
    assert told[-3:] == [(800, b"\x08" * 100), (900, b""), (1000, b"more")]


def test_a_tap_without_its_loop_reads_on(pipe: Pipe) -> None:
    pipe.here.sendall(b"one")
    state = wait_until(lambda: (state := pipe.spool.state()) and state.end == 3 and state)
    pipe.process.kill()
    pipe.process.wait()
    pipe.lock.close()  # the sidecar is gone as well: nobody would start either
    end = time.monotonic() + 4
    while time.monotonic() < end:
        pipe.here.sendall(b".")
        time.sleep(0.2)
    os.kill(state.pid, 0)  # type: ignore[attr-defined]
    pipe.here.shutdown(socket.SHUT_WR)
    wait_until(lambda: not pipe.spool.tap_is_running())
    assert pipe.bytes() == b"one" + b"." * (len(pipe.bytes()) - 3) and len(pipe.bytes()) > 15
