"""What is said over ssh, and in what words it fails."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading

import pytest

from procy.errors import EvaluatorError, HostError, ProcyError
from procy.hosts.ssh import Host, host_of
from procy.hosts.talk import PROTOCOL, Caller, RemoteError, ask, error_of
from procy.settings.evolve import HostSettings
from tests.conftest import is_running, wait_until
from tests.hosts.conftest import Sshd


def hello(settings: HostSettings) -> dict[str, object]:
    return ask(host_of(settings), "hello", {})


def test_two_hosts_say_who_they_are(sshd: Sshd) -> None:
    for name in ("big", "small"):
        found = hello(sshd.host(name))
        assert found["home"] == str(sshd.home(name)) and found["programs"]["tmux"]  # type: ignore[index]


def test_the_data_directory_of_the_settings_comes_first(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = sshd.root / "else where"
    assert hello(dataclasses.replace(sshd.host(), dir=str(elsewhere)))["home"] == str(elsewhere)
    assert str(hello(dataclasses.replace(sshd.host(), dir="~/x"))["home"]) == os.path.expanduser("~/x")


def test_one_connection_serves_all(sshd: Sshd) -> None:
    for _ in range(3):
        hello(sshd.host())
    assert (sshd.root / "log").read_text().count("Accepted publickey") == 1


def test_more_at_once_than_a_connection_takes(sshd: Sshd) -> None:
    sshd.stop()
    sshd.allow(sessions=2)
    sshd.start()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(hello(sshd.host())["home"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [str(sshd.home())] * 8


def test_a_greeting_of_the_shell_is_passed_over(sshd: Sshd) -> None:
    host = sshd.host()
    assert hello(dataclasses.replace(host, procy="echo '{\"x\": 1}'; echo welcome to you; " + host.procy))["cores"]


@pytest.mark.parametrize(
    ("changes", "what", "remedy"),
    [
        ({"ssh": "closed"}, "cannot be reached (ssh: connect to host 127.0.0.1 port", "Try by hand: ssh -F"),
        ({"ssh": "nobody-knows.invalid"}, "has a name that nobody knows", "Correct hosts.big.ssh"),
        ({"ssh": "no-such-user-here@big"}, "lets nobody in without a password", "ssh-copy-id"),
        ({"procy": "/no/such/procy"}, "has no '/no/such/procy'", "Install procy there, or set hosts.big.procy"),
        ({"procy": "echo oh no >&2; exit 3; "}, "ended without an answer (oh no)", "procy doctor"),
        ({"procy": "echo \"Error: No such command 'host'.\" >&2; exit 2; "}, "is too old", "Install version"),
    ],
)
def test_what_is_wrong_is_said(sshd: Sshd, changes: dict[str, str], what: str, remedy: str) -> None:
    with pytest.raises(HostError) as error:
        hello(dataclasses.replace(sshd.host(), **changes))
    assert what in error.value.what and remedy in error.value.remedy


def test_a_host_with_another_key_than_before(sshd: Sshd) -> None:
    hello(sshd.host())
    host_of(sshd.host()).close()
    key = (sshd.root / "user.pub").read_text().split()[1]
    (sshd.root / "known").write_text(f"[127.0.0.1]:{sshd.port} ssh-ed25519 {key}\n")
    with pytest.raises(HostError, match="is not known here, or has another key than before"):
        hello(sshd.host())


def test_another_version_is_told(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procy.hosts.talk.PROTOCOL", PROTOCOL + 1)
    with pytest.raises(HostError, match=r"do not understand each other\. Install the same version on both"):
        hello(sshd.host())


def test_a_connection_that_was_lost_is_made_again(sshd: Sshd) -> None:
    host = host_of(sshd.host())
    hello(host.settings)
    assert host.keeper is not None
    first = host.keeper
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    hello(host.settings)
    sshd.stop()
    with pytest.raises(HostError, match="cannot be reached"):
        hello(host.settings)
    sshd.start()
    assert hello(host.settings)["cores"]


def test_the_connection_ends_with_its_process(sshd: Sshd) -> None:
    code = (
        "import os, signal; from procy.hosts.ssh import host_of; from procy.settings.evolve import HostSettings\n"
        f"host = host_of(HostSettings('big', 'big', options=('-F', {sshd.config!r})))\n"
        "host.connect(); print(host.keeper.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    wait_until(lambda: not is_running(int(done.stdout)), what="the end of ssh")


def test_errors_come_back_as_what_they_are() -> None:
    host = Host(HostSettings("big", "big"))
    found = error_of(host, {"kind": "EvaluatorError", "what": "no stage", "remedy": "Name one"})
    assert isinstance(found, EvaluatorError) and str(found) == "on host big: no stage. Name one"
    other = error_of(host, {"kind": "LaneLost", "what": "gone", "remedy": ""})
    assert isinstance(other, RemoteError) and isinstance(other, ProcyError) and other.kind == "LaneLost"


def test_who_is_silent_for_long_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procy.hosts.talk.SILENCE_S", 1.0)
    ours, theirs = os.pipe()
    caller = Caller(ours, os.open(os.devnull, os.O_WRONLY))
    thread = threading.Thread(target=caller.listen)
    thread.start()
    for _ in range(8):
        os.write(theirs, b"\n")
        assert not caller.gone.wait(0.2)
    assert caller.gone.wait(10)
    thread.join()


def test_a_human_who_types_it_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "procy", "host", "hello"], input="what?\n", capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "for procy on another machine" in done.stderr
    listed = subprocess.run([sys.executable, "-m", "procy", "--help"], capture_output=True, text=True, check=True).stdout
    assert " host " not in listed
