"""Trials of what is not a pane: a headless stream, the gateway and its writer, the pages' server, a run of evolve."""

from __future__ import annotations

import http.client
import json
import random
import re
import signal
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from procy.capture.locks import is_locked
from procy.evolve.held import lock_path
from procy.gateway import address, launch
from procy.gateway.tokens import read_tokens
from procy.parse.streams.stamp import read_stamped
from tests.conftest import Lab, wait_until
from tests.evolve.conftest import Bench, prepared
from tests.evolve.test_faults import check_whole
from tests.faults.scene import kill
from tests.faults.verdict import Verdict, problems_of
from tests.gateway.lab import Heard, Upstream, reply
from tests.gateway.test_process import SETTINGS
from tests.stream.conftest import Running, message
from tests.ui.conftest import ServerProcess

UNWRITTEN = 500  # calls of a gateway that may be lost when it is killed: those it has not handed to its writer yet
CALLS = 300


def check_left(lab: Lab, verdict: Verdict) -> Verdict:
    """What every trial ends with: a database that is whole, and nothing for doctor to find."""
    if (integrity := lab.rows("PRAGMA integrity_check")) != [{"integrity_check": "ok"}]:
        verdict.wrong.append(f"integrity_check: {integrity}")
    if problems := problems_of(lab):
        verdict.wrong.append(f"doctor finds {problems}")
    lab.procy("rebuild", "--all")
    return verdict


# -- streams ------------------------------------------------------------------------------------------------------------


def stream(root: Path, seed: str) -> Verdict:
    """Every line that came out of ``procy stream`` before it was killed is recorded."""
    chance, verdict, lab = random.Random(seed), Verdict(), Lab(root)
    running = Running(lab, "claude")
    heard: list[bytes] = []

    def listen() -> None:
        heard.extend(line for line in running.stdout if line.endswith(b"\n"))

    listener = threading.Thread(target=listen)
    listener.start()
    victims = [running.process.pid]
    after = chance.randint(3, 25)
    for number in range(30):
        with suppress(BrokenPipeError):
            running.send(message(f"ask {number}"))
        if not number:
            wait_until(lambda: heard, 30, "the first answer")
        if number == after // 2 and chance.random() < 0.5 and (sidecar := lab.sidecar_pid()):
            kill(sidecar)
            verdict.faults["kill sidecar (stream)"] += 1
        if number == after:
            time.sleep(chance.uniform(0, 0.2))
            kill(victims[0])
            verdict.faults["kill procy stream"] += 1
        time.sleep(chance.uniform(0, 0.05))
    running.process.wait(20)
    listener.join(20)
    lab.procy("sessions")
    wait_until(lambda: lab.rows("SELECT 1 FROM sessions WHERE status IN ('ended', 'lost')"), 40, f"its end\n{lab.log()}")
    lines = [str(row["line"]).encode() for row in lab.rows("SELECT line FROM transcript_lines ORDER BY offset")]
    stamped = [one for line in lines if (one := read_stamped(line))]
    kept = [one.line for one in stamped if one.side == "<"]
    missing = [line for line in heard if line.rstrip(b"\n") not in kept]
    verdict.bytes_seen, verdict.bytes_lost = sum(map(len, heard)), sum(map(len, missing))
    verdict.rows_seen = sum(b'"result"' in line and b'"success"' in line for line in heard)
    done = lab.rows("SELECT 1 FROM turns WHERE status = 'done'")
    verdict.rows_lost = max(0, verdict.rows_seen - len(done))
    if missing or verdict.rows_lost:
        verdict.wrong.append(f"lines that were passed on and not recorded: {missing[:3]}; {verdict.rows_lost} turns")
    close(running)
    return closed(lab, check_left(lab, verdict))


def close(running: Running) -> None:
    for file in (running.stdin, running.stdout, running.stderr):
        with suppress(OSError):
            file.close()


def closed(lab: Lab, verdict: Verdict) -> Verdict:
    lab.stop()
    return verdict


# -- the gateway --------------------------------------------------------------------------------------------------------


def gateway(root: Path, seed: str) -> Verdict:
    """Calls by four clients while gateway and writer are killed: one that was answered is a row, but for the last batch."""
    chance, verdict, lab = random.Random(seed), Verdict(), Lab(root)
    with ExitStack() as stack:
        upstream = Upstream(answer)
        stack.callback(upstream.close)
        stack.callback(lambda: launch.stop(lab.places))
        Path(lab.places.config).write_text(SETTINGS.format(url=upstream.url))
        found = [launch.up(lab.places)]
        token = read_tokens(lab.places).general()
        answered: list[int] = []
        left = iter(range(CALLS))

        def load() -> None:
            for number in left:
                with suppress(OSError, http.client.HTTPException):
                    if post(found[0].ports["claude"], token, number) == 200:
                        answered.append(number)
                time.sleep(0.005)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        gateway_dies = chance.random() < 0.5
        for _ in range(2):
            time.sleep(chance.uniform(0.05, 0.4))
            found[0] = kill_one(lab, found[0], gateway_dies, verdict)
        for thread in threads:
            thread.join()
        launch.stop(lab.places)
        wait_until(lambda: not is_locked(address.path_of(lab.places, "recorder")), 30, "the writer's end")
    rows = len(lab.rows("SELECT 1 FROM exchanges WHERE outcome = 'ok'"))
    verdict.rows_seen, verdict.rows_lost = len(answered), max(0, len(answered) - rows)
    if verdict.rows_lost > (UNWRITTEN if gateway_dies else 0):
        verdict.wrong.append(f"{len(answered)} calls were answered, {rows} are recorded")
    if open_calls := lab.rows("SELECT 1 FROM exchanges WHERE outcome IS NULL"):
        verdict.wrong.append(f"{len(open_calls)} calls have no end")
    return closed(lab, check_left(lab, verdict))


def kill_one(lab: Lab, found: address.Running, gateway_dies: bool, verdict: Verdict) -> address.Running:
    """The gateway, and start the next one; or its writer."""
    if gateway_dies:
        kill(found.pid)
        verdict.faults["kill gateway"] += 1
        wait_until(lambda: address.running(lab.places) is None, 30)
        return launch.up(lab.places)
    for writer in psutil.Process(found.pid).children():
        kill(writer.pid)
        verdict.faults["kill the gateway's writer"] += 1
    return found


def answer(heard: Heard, out: socket.socket) -> None:
    out.sendall(reply(b'{"usage":{"input_tokens":7,"output_tokens":5}}'))


def post(port: int, token: str, number: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", f"/p/{token}/v1/messages", json.dumps({"n": number}))
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


# -- the pages ----------------------------------------------------------------------------------------------------------


def pages(root: Path, seed: str) -> Verdict:
    """The server is killed while somebody reads; the next one serves, and signs in."""
    chance, verdict, lab = random.Random(seed), Verdict(), Lab(root)
    for _ in range(2):
        server = ServerProcess(lab.places)
        server.sign_in()
        if "<html" not in server.get("/-/procy"):
            verdict.wrong.append("no page")
        time.sleep(chance.uniform(0, 0.2))
        verdict.rows_seen += 1
        kill(server.process.pid)
        server.process.wait()
        verdict.faults["kill the pages' server"] += 1
    return closed(lab, check_left(lab, verdict))


# -- evolve -------------------------------------------------------------------------------------------------------------


def evolve(root: Path, seed: str) -> Verdict:
    """A run whose process is killed at random instants and gone on with: each try once, judged once."""
    chance, verdict = random.Random(seed), Verdict()
    lab = Lab(root)
    bench: Bench = prepared(lab)
    try:
        bench.begin()
        bench.evolve("2", "--yes")
        for _ in range(2):
            time.sleep(chance.uniform(0.2, 4.0))
            key = str(lock_path(lab.places, bench.run()["id"]))
            if is_locked(key) and (text := Path(key).read_text().strip()):
                kill(int(text), signal.SIGKILL)
                verdict.faults["kill evolve"] += 1
                bench.until_dead()
                bench.evolve("resume", check=False)
        check_whole(bench, 2)
        verdict.rows_seen = 2
    except AssertionError as error:
        verdict.wrong.append(re.sub(r"\s+", " ", str(error))[:2000])
    return closed(lab, check_left(lab, verdict))


PLANES = {"stream": stream, "gateway": gateway, "pages": pages, "evolve": evolve}
