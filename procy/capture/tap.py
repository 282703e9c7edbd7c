"""The tap: reads one pane's bytes from tmux, stamps them, appends them to the spool. Nothing else.

Run by ``tap.sh`` as ``python -I -S tap.py DIR LOCK SECONDS`` with tmux's socket on standard input. Standard library only,
no import of procy, no parsing, no database: what it does has to be right for every byte, and to survive being killed.

**Files in DIR** (format 1; read by ``procy.capture.spool``)

``NNNN.raw``   the pane's bytes as they came. A new pair starts when ``SEGMENT_BYTES`` are reached.
``NNNN.idx``   one ``RECORD`` per read: wall time (ns), stream offset, length, columns, rows, kind, value
               (of data: its CRC-32; 0 where an older tap wrote it).
               The stream offset counts from the first byte of the session, across pairs.
``tap.state``  one ``STATE`` in a memory map: survives ``kill -9`` because the kernel owns the page.
``pane``       three lines, written by whoever attaches the tap: the pane's terminal, tmux's socket, the pane's id.

**Why no byte is lost or doubled.** A read is a *peek*: the bytes stay in the socket, which the shell loop around the
tap keeps open. They are appended, the state is advanced, and only then they are taken from the socket. A tap that
starts after a kill cuts the files back to the state. If the kill came between the last append and the taking, the
state says so (``written != taken``) and the socket still begins with the last record's bytes: they are taken unread.

**Disk full.** What cannot be written is dropped, counted in the state and said once in the pane's status line; the
first record that fits again is preceded by a ``LOST`` record with the count.
"""

import contextlib
import fcntl
import mmap
import os
import select
import signal
import socket
import struct
import sys
import termios
import time
import zlib

RECORD = struct.Struct("<qQIHHII")  # time ns, stream offset, length, columns, rows, kind, value
DATA, START, LOST, END = 0, 1, 2, 3  # kinds; value: CRC-32, pid, bytes lost (at most 2**32 - 1), 0

STATE = struct.Struct("<8sIIQQQQQQ")
# magic, pid, segment, stream end, size of the raw file, size of the index, records written, records taken, bytes lost
MAGIC = b"procytp1"

SEGMENT_BYTES = 4 << 20
READ_BYTES = 1 << 18
BUSY_BYTES = 4096  # a read this big means more is coming:
COALESCE_S = 0.0015  # let the socket fill a little, for fewer and bigger reads
YIELD_S = 0.002  # after waking up: the echo of a key reaches the user first, then it is written down
SIZE_EVERY_NS = 5_000_000
RETRY_S = 1.0  # after a write that failed
NEED_SIDECAR = 75  # exit status that asks tap.sh to start the sidecar, and then the tap again


class Tap:
    """One pane's appender.

    ``directory`` is the session's spool folder, ``sidecar_lock`` the file that the sidecar locks, ``patience`` how many
    seconds pass between two looks whether it does.
    """

    def __init__(self, directory: str, sidecar_lock: str, patience: float) -> None:
        self.directory = directory
        self.sidecar_lock = sidecar_lock
        self.patience = patience
        self.lock = os.open(f"{directory}/tap.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # an older tap may still be draining
        self.source = socket.socket(fileno=os.dup(0))
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.tty, self.tmux_socket, self.pane_id = read_pane(directory)
        self.columns = self.rows = self.size_ns = 0
        self.woken_ns = 0  # when the bytes that are read next began to come; 0 where that is now
        self.looked_ns = time.time_ns()
        self.loop = os.getppid()  # the shell that holds the socket, and starts the next tap
        self.full_said = False
        self.retry_s = 0.0  # when to try again after a failure, by the monotonic clock
        self.open_state()
        self.open_segment()

    def open_state(self) -> None:
        handle = os.open(f"{self.directory}/tap.state", os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(handle).st_size < STATE.size:
            os.write(handle, STATE.pack(MAGIC, 0, 1, 0, 0, 0, 0, 0, 0))
        self.state = mmap.mmap(handle, STATE.size)
        os.close(handle)
        _, _, self.segment, self.end, self.raw_size, self.index_size, self.written, self.taken, self.lost = STATE.unpack(
            self.state[:]
        )
        self.save()

    def save(self) -> None:
        self.state[:] = STATE.pack(
            MAGIC, os.getpid(), self.segment, self.end, self.raw_size, self.index_size,
            self.written, self.taken, self.lost,
        )  # fmt: skip

    def open_segment(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.raw = os.open(f"{self.directory}/{self.segment:04d}.raw", flags, 0o600)
        self.index = os.open(f"{self.directory}/{self.segment:04d}.idx", flags, 0o600)
        self.cut_back()

    def cut_back(self) -> None:
        """Drop what the state does not vouch for; go on in new files where these have lost some of what it does."""
        if os.fstat(self.raw).st_size < self.raw_size or os.fstat(self.index).st_size < self.index_size:
            self.rotate()
            return
        os.ftruncate(self.raw, self.raw_size)
        os.ftruncate(self.index, self.index_size)

    def run(self) -> int:
        """Append until tmux closes the pipe (returns 0) or the sidecar is needed (returns ``NEED_SIDECAR``)."""
        self.skip_written()
        self.record(START, 0, os.getpid())
        idle = select.poll()
        idle.register(self.source, select.POLLIN)
        while True:
            try:
                count = self.source.recv_into(self.buffer, READ_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                if self.sidecar_is_gone():
                    return NEED_SIDECAR
                if self.lost:
                    self.noted_loss()
                if idle.poll((RETRY_S if self.lost else self.patience) * 1000):
                    self.woken_ns = time.time_ns()
                    time.sleep(YIELD_S)
                continue
            if count == 0:
                self.record(END, 0, 0)
                return 0
            self.append(count)
            self.take(count)
            if self.sidecar_is_gone():
                return NEED_SIDECAR
            if count >= BUSY_BYTES:
                time.sleep(COALESCE_S)

    def skip_written(self) -> None:
        """Take from the socket what an earlier tap had appended but was killed before taking."""
        if self.written != self.taken:
            last = self.last_bytes()
            try:
                count = self.source.recv_into(self.buffer, len(last), socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                count = 0
            if last and self.buffer[:count] == last:
                self.take(count)
        self.taken = self.written
        self.save()

    def last_bytes(self) -> bytes:
        """The bytes of the last record; they are in the socket still, or were taken a moment before the kill."""
        if self.index_size < RECORD.size:
            return b""
        record = read_at(f"{self.directory}/{self.segment:04d}.idx", self.index_size - RECORD.size, RECORD.size)
        length: int = RECORD.unpack(record)[2]
        return read_at(f"{self.directory}/{self.segment:04d}.raw", self.raw_size - length, length)

    def append(self, count: int) -> None:
        """Write ``count`` peeked bytes and their record, or count them as lost."""
        if self.raw_size >= SEGMENT_BYTES:
            self.rotate()
        if self.lost and not self.noted_loss():
            self.drop(count, None)
            return
        try:
            done = 0
            while done < count:
                done += os.write(self.raw, self.buffer[done:count])
        except OSError as error:
            self.drop(count, error)
        else:
            if not self.record(DATA, count, zlib.crc32(self.buffer[:count])):
                self.drop(count, None)

    def take(self, count: int) -> None:
        """Remove ``count`` bytes, seen before, from the socket."""
        while count:
            count -= self.source.recv_into(self.buffer, count)
        self.taken = self.written
        self.save()

    def record(self, kind: int, length: int, value: int) -> bool:
        """Append one index record and advance the state; False when it could not be written whole."""
        now = self.woken_ns or time.time_ns()
        self.woken_ns = 0
        self.read_size(now)
        line = RECORD.pack(now, self.end, length, self.columns, self.rows, kind, value)
        try:
            if os.write(self.index, line) != len(line):
                return False
        except OSError:
            return False
        self.end += length
        self.raw_size += length
        self.index_size += RECORD.size
        self.written += 1
        self.save()
        return True

    def rotate(self) -> None:
        os.close(self.raw)
        os.close(self.index)
        self.segment += 1
        self.raw_size = self.index_size = 0
        self.save()
        self.open_segment()

    def noted_loss(self) -> bool:
        """Record what was lost once there is room again; tries once a second, so that one loss does not become hundreds."""
        if time.monotonic() < self.retry_s:
            return False
        self.retry_s = time.monotonic() + RETRY_S
        disk = os.statvfs(self.directory)
        if disk.f_bavail * disk.f_frsize < 2 * READ_BYTES or not self.record(LOST, 0, min(self.lost, 0xFFFFFFFF)):
            return False
        self.lost = 0
        self.save()
        return True

    def drop(self, count: int, error: "OSError | None") -> None:
        self.cut_back()
        if not self.lost:
            self.retry_s = time.monotonic() + RETRY_S
        self.lost += count
        self.save()
        if not self.full_said:
            self.full_said = True
            reason = os.strerror(error.errno) if error and error.errno else "the index could not be written"
            say(self.tmux_socket, self.pane_id, f"procy: cannot write to {self.directory}: {reason}. The agent goes on; "
                "its output is not recorded until there is room again.")  # fmt: skip

    def read_size(self, now: int) -> None:
        """The pane's window size as the program in it was told; kept when the terminal is gone."""
        if abs(now - self.size_ns) < SIZE_EVERY_NS:  # the clock may have been set back
            return
        self.size_ns = now
        try:
            handle = os.open(self.tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            self.tty = read_pane(self.directory)[0]  # the pane may have been respawned on another terminal
            return
        try:
            size = fcntl.ioctl(handle, termios.TIOCGWINSZ, bytes(8))
            self.rows, self.columns = struct.unpack("HHHH", size)[:2]
        except OSError:
            pass
        finally:
            os.close(handle)  # at once: a slave held open delays the agent's hang-up

    def sidecar_is_gone(self) -> bool:
        """True when nobody holds the sidecar's lock, and somebody is there to start it; looks once in a while only."""
        now = time.time_ns()
        if os.getppid() != self.loop:
            return False
        if abs(now - self.looked_ns) < self.patience * 1e9:
            return False
        self.looked_ns = now
        try:
            handle = os.open(self.sidecar_lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(handle)
        return True


def read_pane(directory: str) -> tuple[str, str, str]:
    """Terminal, tmux socket and pane id from the file ``pane``; empty strings when it cannot be read."""
    try:
        with open(f"{directory}/pane", encoding="utf-8", errors="surrogateescape") as lines:
            tty, tmux_socket, pane_id = lines.read().splitlines()[:3]
    except (OSError, ValueError):
        return "", "", ""
    return tty, tmux_socket, pane_id


def read_at(path: str, offset: int, length: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


def say(tmux_socket: str, pane_id: str, text: str) -> None:
    """Show one line in the clients that look at the pane; a failure is nobody's business here."""
    if tmux_socket and pane_id:
        nothing = os.open(os.devnull, os.O_RDWR)
        files = [(os.POSIX_SPAWN_DUP2, nothing, number) for number in (0, 1, 2)]
        arguments = ["tmux", "-S", tmux_socket, "display-message", "-t", pane_id, text.replace("#", "##")]
        with contextlib.suppress(OSError):
            os.posix_spawnp("tmux", arguments, dict(os.environ), file_actions=files)
        os.close(nothing)


def main() -> int:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "SCHED_BATCH"):  # wake up without pushing the agent, tmux or the user's client aside
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    directory, sidecar_lock, patience = sys.argv[1:4]
    return Tap(directory, sidecar_lock, float(patience)).run()


if __name__ == "__main__":
    sys.exit(main())
