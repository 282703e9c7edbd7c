"""Bytes in are bytes out, the end is the agent's own, and nothing that was said is lost. D-numbers: defects of the first ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procy.capture.lines import line_spools
from procy.stream.echo import EchoFilter
from procy.stream.pump import Pump
from tests.conftest import Lab, wait_until
from tests.stream.conftest import Start, is_there, message, texts

ODD = b'\xef\xbb\xbf{"a":1}\r\n\xff\xfe\x00{"b"\rlone\n[1,2]\n\n{"c":"\xe2\x80\xa8"}\nhalf \xc3'
PIECES = st.lists(
    st.sampled_from([ODD, b"\n", b'{"type":"user"', b'{"type":"us', b'er","x":1}\n', b"x" * 300, b"\r\n"])
    | st.binary(max_size=40)
)


def pumped(chunks: list[bytes], change: EchoFilter | None) -> bytes:
    """What comes out of a pump that reads these chunks."""
    source, feed = os.pipe()
    out, sink = os.pipe()
    seen: list[bytes] = []
    pump = Pump("test", source, sink, seen.append, change)
    pump.start()
    for chunk in chunks:
        os.write(feed, chunk)
    os.close(feed)
    pump.join()
    os.close(sink)
    with os.fdopen(out, "rb") as file:
        found = file.read()
    assert b"".join(seen) == b"".join(chunks)
    return found


@settings(max_examples=150, deadline=None)
@given(PIECES, st.booleans())
def test_bytes_out_are_bytes_in_however_they_come(chunks: list[bytes], filtered: bool) -> None:
    assert pumped(chunks, EchoFilter(True) if filtered else None) == b"".join(chunks)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 60)))
def test_echoes_are_taken_out_and_nothing_else_however_they_come(cuts: list[int]) -> None:
    echo = b'{"type":"user","uuid":"k","isReplay":true,"message":{}}\n'
    life = b'{"type":"command_lifecycle","command_uuid":"k","state":"queued"}\n'
    kept = [
        b'{"type":"user","message":{"content":[]}}\n',
        b'{"type":"result"}\n',
        b'{"type":"command_lifecycle","command_uuid":"theirs"}\n',
    ]
    whole, wanted = b"".join((kept[0], echo, kept[1], life, kept[2], echo, b"half")), b"".join((*kept, b"half"))
    change, found, place = EchoFilter(True, {"k"}), b"", 0
    for cut in cuts:
        found += change(whole[place : place + cut]) if place < len(whole) else b""
        place += cut
    found += (change(whole[place:]) if place < len(whole) else b"") + change(b"")
    assert found == wanted


def test_a_stream_is_passed_on_byte_by_byte_under_any_locale(stream: Start) -> None:  # D4, D5
    data = ODD + b"\n" + b"y" * 3_000_000 + b"\n" + ODD
    out, _, status = stream("--", "cat", LC_ALL="POSIX", LANG="").end(data)
    assert (out == data, status) == (True, 0)


def test_mirroring_minds_no_line_that_is_not_an_object(stream: Start) -> None:  # D6
    data = b"[1,2]\n\xff\n" + b'{"type":"assistant","message":{"content":[{"type":"text","text":"seen"}]}}\n'
    out, err, _ = stream("run", "--mirror", "text", "--", "cat").end(data)
    assert out == data and "seen" in err


def test_the_end_of_input_ends_no_turn(stream: Start) -> None:  # D2
    out, _, status = stream("claude", claude="echo").end(message("sleep: 1") + message("two"))
    assert texts(out) == ["answer to sleep: 1", "answer to two"] and status == 0


@pytest.mark.parametrize("name", ["claudix2", "claudix3", "claudix4"])
def test_the_exit_status_is_the_agents(stream: Start, name: str) -> None:  # D7, D8
    running = stream(name, claude="echo exit 5")
    running.send(message("one"))
    assert running.process.wait(60) == 5, "its input is still open"


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
def test_a_signal_is_told_as_a_shell_does(stream: Start, script: str, status: int) -> None:  # D8
    assert stream("--", "sh", "-c", script).end()[2] == status


def test_an_agent_that_is_not_there(stream: Start) -> None:
    _, err, status = stream("--", "no-such-agent").end()
    assert status == 1 and "no-such-agent was not found" in err


def test_the_tail_is_not_lost_to_a_slow_reader(stream: Start) -> None:  # D9
    running = stream("--", "sh", "-c", "seq 1 200000; exit 4")
    time.sleep(1.0)  # the agent is long gone, or waits for us
    found = running.stdout.read().split()
    assert found[-1] == b"200000" and len(found) == 200000
    assert running.process.wait(60) == 4


def test_a_process_that_keeps_the_pipe_open_holds_nothing_up(stream: Start) -> None:
    out, _, status = stream("--", "sh", "-c", "sleep 300 & echo $!").end()
    pid = int(out)
    assert status == 0 and is_there(pid), "the agent ended by itself: what it left may go on"
    os.kill(pid, signal.SIGKILL)


def test_a_signal_reaches_the_agent_and_what_it_left_is_ended(stream: Start, lab: Lab) -> None:  # D10, D11
    running = stream("claude", claude="echo child")
    while b"left" not in (line := running.stderr.readline()):
        pass
    left = int(line.split()[1])
    running.send(message("one"))
    running.until("result")
    running.process.terminate()
    assert running.process.wait(60) == 143
    wait_until(lambda: not is_there(left), what="the end of what the agent had left in a session of its own")


def test_a_second_signal_is_harder(stream: Start) -> None:
    running = stream("--", "sh", "-c", "trap '' TERM INT; echo up; while :; do sleep 0.1; done")
    assert running.stdout.readline() == b"up\n"
    running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(1)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 137


def test_a_reader_that_leaves_ends_the_agent(stream: Start) -> None:
    running = stream("--", "yes")
    running.stdout.read(10)
    running.stdout.close()
    assert running.process.wait(60) == 141, "of SIGPIPE, as without us"


@pytest.mark.parametrize("words", [("claude",), ("claude", "--restartable")])
def test_a_big_message_and_a_big_answer_do_not_wait_for_each_other(stream: Start, words: tuple[str, ...]) -> None:  # D3
    chatter = "import sys; b = b'y' * (1 << 20); o = sys.stdout.buffer; o.write(b * 4); sys.stdin.buffer.read(); o.write(b)"
    running = stream(*(["run", *words[1:]] if words[1:] else ["run"]), "--", sys.executable, "-c", chatter)
    data = message("z" * 4_000_000)
    writer = threading.Thread(target=lambda: (running.send(data), running.stdin.close()))
    writer.start()
    assert len(running.stdout.read()) == 5 * (1 << 20)
    writer.join(60)
    assert running.process.wait(60) == 0


def test_bad_lines_are_refused_to_their_sender(stream: Start) -> None:  # D20
    out, err, status = stream("claude", "--validate").end(b"{bad\n" + message("good") + b"[1]\n")
    refused = [line for line in out.splitlines() if b'"refused"' in line]
    assert len(refused) == 2 and texts(b"\n".join(line for line in out.splitlines() if line not in refused)) == ["answer to good"]
    assert status == 0 and "refused line 1" in err
    assert stream("claude").end(b"{bad\n")[2] == 1, "without, it reaches the agent"


def test_a_disk_that_takes_nothing_stops_no_stream(stream: Start, lab: Lab) -> None:
    (lab.root / "home" / "spool" / "streams").write_text("a file where the folder should be")
    out, err, status = stream("--", "cat").end(b"one\n")
    assert (out, status) == (b"one\n", 0) and "not recorded" in err
    assert not line_spools(lab.places.spool)
