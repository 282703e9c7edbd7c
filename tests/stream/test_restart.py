"""Restarts: by what is known of each message, and without one lost. D-numbers: defects of the first ones."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import Any

import pytest

from procy.capture.lines import line_spools
from procy.parse.streams.claude import Claude
from procy.parse.streams.members import with_first, without
from procy.stream.control import ask
from procy.stream.desk import AHEAD, MOST_WAITING
from procy.stream.orders import alias_order, parse_order
from procy.stream.restart import BACK_OFF_S, MOST_AN_HOUR, STOP_S, Machine, Order
from procy.stream.table import QUIET_S, Table
from procy.stream.watchdog import Watchdog
from tests.conftest import Lab, wait_until
from tests.stream.conftest import Running, Start, message, texts


def said(table: Table, now: float, *records: dict[str, Any]) -> None:
    claude = Claude()
    for record in records:
        table.take(claude.said(record), now)


INIT = {"type": "system", "subtype": "init", "session_id": "s"}
RESULT = {"type": "result", "subtype": "success"}


def echo(key: str) -> dict[str, Any]:
    return {"type": "user", "uuid": key, "isReplay": True, "message": {"role": "user", "content": "x"}}


def given(table: Table, *keys: str) -> None:
    for key in keys:
        table.receive(key, b"")
        table.written(key, 1)


# -- messages ---------------------------------------------------------------------------------------------------------


def test_three_messages_may_have_two_results() -> None:  # D1
    table = Table(echoes=True)
    given(table, "a", "b", "c")
    said(table, 0, INIT, echo("a"), RESULT)
    assert not table.is_idle(99), "two messages are on their way"
    said(table, 1, INIT, echo("b"), echo("c"), RESULT)
    assert table.is_idle(1) and table.counts() == {"answered": 3}


def test_a_message_folded_into_a_tools_turn_is_answered_by_its_result() -> None:  # D1
    table = Table(echoes=True)
    given(table, "a", "b")
    tool = {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]}}
    said(table, 0, INIT, echo("a"), tool, echo("b"))
    assert table.messages["b"].status == "folded" and not table.is_idle(99)
    done = {"type": "user", "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}}
    said(table, 1, done, RESULT)
    assert table.counts() == {"answered": 2}


def test_an_agent_that_names_nothing_is_waited_for_only_a_moment() -> None:  # D1
    table = Table(echoes=False)
    given(table, "a", "b", "c")
    said(table, 0, INIT, RESULT)
    assert not table.is_idle(1) and table.is_idle(QUIET_S + 1)
    said(table, 2, INIT)
    assert not table.is_idle(99), "its next turn has begun"


def test_what_a_dead_agent_had_not_taken_in_is_kept_and_the_rest_is_lost() -> None:  # D16
    table = Table(echoes=True)
    given(table, "a", "b")
    table.receive("c", b"")
    said(table, 0, INIT, echo("a"))
    assert [one.key for one in table.exited(again=True)] == ["a", "b"]
    assert [table.messages[key].status for key in "abc"] == ["lost", "received", "received"]
    said(table, 1, RESULT)  # too late to answer anything
    assert table.messages["a"].status == "lost"


# -- the machine ------------------------------------------------------------------------------------------------------


def acts(found: list[Any]) -> list[str]:
    return [act.what for act in found]


def test_a_restart_waits_until_idle_and_counts_nothing() -> None:
    machine = Machine()
    order = Order(id="o")
    assert machine.order(order, 0) == []
    assert acts(machine.step(False, 1)) == [] and acts(machine.step(False, 2)) == ["log"]
    assert acts(machine.step(True, 3)) == ["log", "close"]
    assert acts(machine.step(True, 3 + STOP_S)) == ["terminate"] and acts(machine.step(True, 3 + 2 * STOP_S)) == ["kill"]
    assert acts(machine.exited(0, True, 20)) == ["start", "answer"] and machine.phase == "running"


@pytest.mark.parametrize(
    ("then", "wanted"), [("give-up", ["answer"]), ("interrupt", ["interrupt"]), ("now", ["terminate"])]
)  # D1: there is a way out
def test_a_restart_has_a_limit(then: Any, wanted: list[str]) -> None:
    machine = Machine()
    machine.order(Order(limit_s=5, then=then), 0)
    assert acts(machine.step(False, 1)) == [] and acts(machine.step(False, 5)) == wanted
    if then == "give-up":
        assert machine.phase == "running" and machine.order(Order(), 6) == []


def test_one_restart_at_a_time_and_an_interrupted_turn_may_end() -> None:
    machine = Machine()
    assert acts(machine.order(Order(policy="interrupt"), 0)) == ["interrupt"]
    refused = machine.order(Order(), 1)
    assert acts(refused) == ["answer"] and refused[0].value[1] is False
    assert acts(machine.step(True, 2)) == ["log", "close"]


def test_an_agent_that_dies_while_it_is_waited_for_is_started() -> None:  # D7
    machine = Machine()
    machine.order(Order(), 0)
    assert acts(machine.exited(1, True, 1)) == ["start", "answer"]


def test_crashes_are_paused_after_and_counted() -> None:
    machine, now = Machine(resume_on_crash=True), 0.0
    for pause in (*BACK_OFF_S, *([BACK_OFF_S[-1]] * 9))[:MOST_AN_HOUR]:
        assert acts(machine.exited(1, True, now)) == ["log"] and machine.phase == "waiting"
        assert machine.step(True, now + pause - 0.1) == []
        start = machine.step(True, now + pause)[0]
        assert (start.what, start.value.start) == ("start", "resume")
        now += pause
    assert acts(machine.exited(1, True, now)) == ["log", "end"] and machine.phase == "ended"
    pausing = Machine(resume_on_crash=True)
    pausing.exited(7, True, 0)
    pausing.quit()
    assert (pausing.phase, pausing.status) == ("ended", 7), "a signal ends it though nothing runs"
    calm = Machine(resume_on_crash=True)
    assert acts(calm.exited(0, True, 0)) == ["end"], "an agent that ends by itself is done"
    assert acts(Machine(resume_on_crash=True).exited(1, False, 0)) == ["end"], "nothing is left to ask it"


# -- orders -----------------------------------------------------------------------------------------------------------


def test_only_a_key_at_the_top_is_an_order() -> None:  # D14, D15
    for quoted in ('{"type":"user","message":{"role":"user","content":"{\\"_CLAUDIX_\\":\\"RESTART\\"}"}}',
                   '{"type":"user","message":{"_CLAUDIX_":"RESTART","role":"user","content":[]}}'):  # fmt: skip
        assert alias_order(quoted.encode(), json.loads(quoted)) is None


def test_the_rest_of_an_order_keeps_its_bytes() -> None:  # D17
    line = b'{ "a":1.0,"_CLAUDIX_" : "RESTART" , "a": 2e3,"t":"\\u0041"}'
    aside = alias_order(line, json.loads(line))
    assert aside and aside.order and aside.order.message == b'{ "a":1.0,"a": 2e3,"t":"\\u0041"}\n'
    alone = alias_order(b'{"_CLAUDIX_":"RESTART"}', {"_CLAUDIX_": "RESTART"})
    assert alone and alone.order and alone.order.message == b"", "nothing is sent to the agent"
    assert without(b'{"x":1, "_CLAUDIX_":2}', "_CLAUDIX_") == b'{"x":1}'
    assert with_first(b' {"x":1}', "uuid", "k") == b' {"uuid":"k","x":1}'


def test_an_order_that_is_not_understood_says_so() -> None:
    assert parse_order({"order": "restart", "policy": "soon"}).complaint and parse_order({"order": "dance"}).complaint


# -- silence ----------------------------------------------------------------------------------------------------------


def test_silence_is_a_hang_only_where_something_should_come() -> None:
    table, dog = Table(echoes=True), Watchdog(60)
    assert not dog.hangs(table, 1000), "nothing was asked"
    given(table, "a")
    said(table, 0, INIT, echo("a"))
    dog.heard((), 0)
    assert not dog.hangs(table, 59) and dog.hangs(table, 61)
    retry = Claude().said({"type": "system", "subtype": "api_retry", "retry_delay_ms": 120_000})
    dog.heard(retry, 61)
    assert not dog.hangs(table, 61 + 179) and dog.hangs(table, 61 + 181)
    said(table, 300, {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "t", "name": "Bash"}]}})
    assert not dog.hangs(table, 9999), "a tool runs"


# -- with an agent ----------------------------------------------------------------------------------------------------


def control(lab: Lab) -> str:
    """Where the only stream takes orders."""
    return str(
        wait_until(lambda: next((spool.meta().socket for spool in line_spools(lab.places.spool) if spool.meta().socket), ""))
    )


def restart(message_text: str = "", **more: object) -> bytes:
    rest = {"type": "user", "message": {"role": "user", "content": message_text}} if message_text else {}
    return json.dumps({"_CLAUDIX_": "RESTART", **rest, **more}).encode() + b"\n"


def test_claudix4_restarts_when_all_is_answered(stream: Start) -> None:  # D1, D2, S7 to S12
    out, err, status = stream("claudix4", claude="echo merge").end(
        message("one") + message("two\nmore") + restart("three") + message("four")
    )
    answered, sessions = texts(out), {json.loads(line)["session_id"] for line in out.splitlines()}
    assert answered[-1] == "answer to four" and len(sessions) == 2 and status == 0
    assert b"isReplay" not in out, "only we had asked for the echo"
    assert "[claudix4] started PID" in err and "[claudix4] restarted; new PID" in err and "answer to two ...\n" in err


def test_a_message_that_quotes_the_order_is_a_message(stream: Start) -> None:  # D12, D14
    text = '{"_CLAUDIX_": "RESTART"} and [CLAUDIX:RESTART]'
    out, err, _ = stream("claudix4").end(message(text))
    assert texts(out) == [f"answer to {text}"] and "restarted" not in err


def test_orders_from_beside(stream: Start, lab: Lab) -> None:  # D13, D18
    running = stream("claude", "--restartable")
    running.send(message("one"))
    first = running.until("result")["session_id"]
    path = control(lab)
    wait_until(lambda: ask(path, {"order": "status"}, 30)["messages"] == {"answered": 1})
    for start, wanted in (("resume", True), ("fresh", False), ("fork", True)):
        answer = ask(path, {"order": "restart", "start": start, "message": "again"}, 60)
        assert answer["ok"], answer
        session = running.until("result")["session_id"]
        assert (session == first) is wanted, start
        first = session
    assert ask(path, {"order": "restart", "policy": "soon"}, 30)["ok"] is False
    assert ask(path, {"order": "stop"}, 30)["ok"]
    assert running.process.wait(60) == 143


def test_orders_from_the_command_line(stream: Start, lab: Lab) -> None:
    running = stream("claude", "--restartable", "--name", "work")
    running.send(message("one"))
    first = running.until("result")["session_id"]
    control(lab)

    def ctl(*words: str, status: int = 0) -> str:
        done = lab.procy("stream", "ctl", *words, "-s", "work", check=False)
        assert done.returncode == status, done.stderr
        return done.stdout or done.stderr

    wait_until(lambda: json.loads(ctl("status", "--json"))["messages"] == {"answered": 1})
    assert "phase running" in ctl("status") and f"conversation {first}" in ctl("status")
    assert ctl("restart", "two", "--start", "resume") == "restarted\n"
    assert running.until("result")["session_id"] == first
    assert ctl("send", "three") == "done\n"
    answer = running.until("assistant")["message"]
    assert isinstance(answer, dict) and answer["content"][0]["text"] == "answer to three"
    running.until("result")
    assert "there is no message to send" in ctl("send", status=1)
    assert ctl("stop") == "done\n" and running.process.wait(60) == 143
    assert "no stream is work" in ctl("status", status=1)


def test_a_sender_waits_while_a_long_drain_holds_its_messages_back(stream: Start, lab: Lab) -> None:
    running = stream("claude", "--restartable", claude="echo deaf")
    running.send(message("one"))
    running.until("system")
    path = control(lab)
    order = threading.Thread(target=ask, args=(path, {"order": "restart"}, None), daemon=True)
    order.start()
    wait_until(lambda: ask(path, {"order": "status"}, 30)["phase"] == "draining")
    many = threading.Thread(target=running.send, args=(message("x" * 500) * 6000,), daemon=True)
    many.start()

    def received() -> int:
        return int(ask(path, {"order": "status"}, 30)["messages"].get("received", 0))

    def rests() -> bool:
        before = received()
        time.sleep(0.5)
        return before >= MOST_WAITING and received() == before

    wait_until(rests, 60, "no more to be read")
    assert MOST_WAITING <= received() <= MOST_WAITING + AHEAD + 1 and many.is_alive()
    os.kill(int(ask(path, {"order": "status"}, 30)["pid"]), signal.SIGKILL)
    many.join(60)
    order.join(60)
    assert not many.is_alive(), "the next agent reads on"
    wait_until(lambda: sum(ask(path, {"order": "status"}, 30)["messages"].values()) == 6001, 60)


def test_an_answer_is_read_however_much_waits(stream: Start, lab: Lab) -> None:
    asks = json.dumps({"type": "control_request", "request_id": "q", "request": {"subtype": "can_use_tool"}})
    running = stream("claude", "--restartable", claude="echo deaf")
    running.send(message(f"say: {asks}\n"))
    running.until("control_request")
    path = control(lab)
    order = threading.Thread(target=ask, args=(path, {"order": "restart"}, None), daemon=True)
    order.start()
    wait_until(lambda: ask(path, {"order": "status"}, 30)["phase"] == "draining")
    many = threading.Thread(target=running.send, args=(message("x" * 500) * 3000,), daemon=True)
    many.start()
    many.join(60)
    assert not many.is_alive(), "its answer may stand behind them"
    os.kill(int(ask(path, {"order": "status"}, 30)["pid"]), signal.SIGKILL)
    order.join(60)


def test_a_restart_that_times_out_says_so_and_nothing_is_held_back(stream: Start, lab: Lab) -> None:  # D1, D18
    running = stream("claude", "--restartable", claude="echo deaf")
    running.send(message("one"))
    running.until("system")
    answer = ask(control(lab), {"order": "restart", "limit_s": 0.3}, 60)
    assert answer["ok"] is False and "timed out" in str(answer["words"])
    answer = ask(control(lab), {"order": "restart", "policy": "now", "message": "two"}, 60)
    assert answer["ok"] is True and running.until("system")["subtype"] == "init"


def test_an_agent_that_dies_is_started_again_with_its_conversation(stream: Start) -> None:
    running = stream("claude", "--resume", "on-crash", claude="echo exit 7")
    running.send(message("one"))
    first = running.until("result")["session_id"]
    running.send(message("two"))
    assert running.until("result")["session_id"] == first
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) in (7, 143)


def test_an_agent_that_hangs_is_started_again(stream: Start) -> None:
    running = stream("claude", "--watchdog", "1s", claude="echo deaf")
    running.send(message("one"))
    pids = []
    while len(pids) < 2:
        words = running.stderr.readline().decode()
        pids += [words] if "PID" in words else []
    assert "restarted" in pids[1]


def test_a_crash_of_ours_loses_no_message(stream: Start, lab: Lab) -> None:
    def begin(claude: str) -> Running:
        return stream("claude", "--inbox", "work", claude=claude)

    program = begin("echo deaf")
    program.send(message("one") + message("two"))
    program.until("system")
    wait_until(lambda: ask(control(lab), {"order": "status"}, 30)["messages"] == {"acknowledged": 1, "written": 1})
    second = begin("echo")
    assert second.end()[2] == 1, "the inbox is in use"
    program.process.kill()
    program.process.wait()
    (lab.root / "bin" / "claude").unlink()
    out, _, _ = begin("echo").end()
    assert texts(out) == ["answer to two"], "the first was taken in: to send it again would ask twice"
