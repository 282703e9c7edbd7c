"""Proposers: a real endpoint on loopback that behaves well and badly, and agents asked in their headless mode."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from procy.agents.claude_code import ClaudeCode
from procy.agents.codex import Codex
from procy.errors import ConfigError, ProposerError
from procy.evolve.proposers import agent as agent_module
from procy.evolve.proposers import asking, default_proposer, proposer_named
from procy.evolve.proposers.agent import AgentProposer
from procy.evolve.proposers.answers import Rejected, prompt_in
from procy.evolve.proposers.endpoint import base_url
from procy.evolve.proposers.model import ModelProposer
from procy.evolve.templates import Templates
from procy.settings import Settings
from procy.settings.evolve import EvolveSettings, ProxyModelSettings
from procy.tries import Proposal
from procy.types import Launch
from tests.conftest import wait_until
from tests.evolve.briefs import GOAL, brief
from tests.evolve.endpoint import Play, Scripted, endpoint, said, until_asked

GOOD = "Profile score() first, then skip documents that cannot reach the ten best."
HTML = "<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"


def proposer(scripted: Scripted | str, stop: threading.Event | None = None, **changes: Any) -> ModelProposer:
    url = scripted if isinstance(scripted, str) else scripted.url
    settings = ProxyModelSettings(**{"url": url, "model": "m", "timeout_s": 5.0, "retry_s": 5.0, **changes})
    return ModelProposer(settings, Templates(), stop)


def propose(scripted: Scripted | str, **changes: Any) -> Proposal:
    return proposer(scripted, **changes).propose(brief())


def failure(scripted: Scripted | str, **changes: Any) -> ProposerError:
    with pytest.raises(ProposerError) as error:
        propose(scripted, **changes)
    return error.value


# -- what is asked ----------------------------------------------------------------------------------------------------


def test_a_model_is_told_the_context_and_its_answer_is_the_prompt() -> None:
    with endpoint(said(GOOD)) as scripted:
        found = propose(scripted, max_tokens=99, temperature=0.3)
        path, headers, body = scripted.requests[0]
    assert (found.prompt, found.source) == (GOOD, "model")
    assert {**found.details, "seconds": 0} == {
        "model": "m-1",
        "answers": 1,
        "seconds": 0,
        "input_tokens": 100,
        "output_tokens": 7,
    }
    assert path == "/v1/chat/completions" and "Authorization" not in headers
    assert (body["model"], body["max_tokens"], body["temperature"], body["stream"]) == ("m", 99, 0.3, False)
    system, user = (message["content"] for message in body["messages"])
    assert "You direct a coding agent." in system
    for words in (GOAL, "Rewrite the scorer in numpy.", "bottleneck: score()", "without more memory", "+50 %, better"):
        assert words in user


def test_the_first_model_is_taken_where_none_is_named() -> None:
    with endpoint(said(GOOD)) as scripted:
        one = proposer(scripted, model="")
        assert one.propose(brief()).prompt == one.propose(brief()).prompt == GOOD
        assert [path for path, _, _ in scripted.requests] == ["/v1/models", "/v1/chat/completions", "/v1/chat/completions"]
        assert scripted.bodies[0]["model"] == "first-model"


def test_the_context_has_a_limit() -> None:
    with endpoint(said(GOOD)) as scripted:
        long = replace(brief(), goal="goal " * 9999)
        proposer(scripted, context_characters=3000).propose(long)
        messages = scripted.bodies[0]["messages"]
    assert sum(len(message["content"]) for message in messages) <= 3000
    assert "goal …" in messages[1]["content"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("http://h:8000", "http://h:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1"),
        ("http://h/v1/", "http://h/v1"),
        ("https://h/api/v3/chat/completions", "https://h/api/v3"),
    ],
)
def test_addresses_may_be_short_or_whole(given: str, wanted: str) -> None:
    assert base_url(given) == wanted


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "key-that-is-secret\n")
    refused = Play({"error": {"message": "Incorrect API key provided: key-that-is-secret."}}, 401)
    with endpoint(said(GOOD), refused) as scripted:
        one = proposer(scripted, api_key_env="MY_KEY")
        one.propose(brief())
        assert scripted.requests[0][1]["Authorization"] == "Bearer key-that-is-secret"
        with pytest.raises(ProposerError) as error:
            one.propose(brief())
    assert "HTTP 401: Incorrect API key provided: [key]. Set the key" in str(error.value)
    settings = ProxyModelSettings(url="http://h", api_key="key-that-is-secret")
    assert "key-that-is-secret" not in repr(settings) + repr(Settings(proxy_model=settings))


def test_a_key_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ConfigError, match="names MY_KEY, which is not set"):
        proposer("http://127.0.0.1:9", api_key_env="MY_KEY")
    with pytest.raises(ConfigError, match="characters that no key has"):
        proposer("http://127.0.0.1:9", api_key="a\nb")


def test_user_and_password_of_an_address_are_not_shown() -> None:
    words = str(failure("http://me:hunter22@127.0.0.1:9", retry_s=0.0))
    assert "http://127.0.0.1:9/v1" in words and "hunter22" not in words


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with endpoint(said(GOOD)) as scripted:
        assert propose(scripted).prompt == GOOD


def test_parameters_that_a_model_does_not_take_are_left_out() -> None:
    tokens = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    warm = "Unsupported value: 'temperature' does not support 0.7."
    plays = [Play({"error": {"message": text}}, 400) for text in (tokens, warm)]
    with endpoint(*plays, said(GOOD)) as scripted:
        one = proposer(scripted)
        assert one.propose(brief()).prompt == one.propose(brief()).prompt == GOOD
        given = [{*body} & {"max_tokens", "max_completion_tokens", "temperature"} for body in scripted.bodies]
    assert given == [{"max_tokens", "temperature"}, {"max_completion_tokens", "temperature"}, *[{"max_completion_tokens"}] * 2]


# -- down, busy, slow -------------------------------------------------------------------------------------------------


def test_it_tries_again_until_the_model_is_up() -> None:
    busy = Play({"error": "busy"}, 429, headers={"Retry-After": "0"})
    with endpoint(Play("Internal error", 500), busy, said(GOOD)) as scripted:
        assert propose(scripted).prompt == GOOD
        assert len(scripted.bodies) == 3


def test_a_model_that_comes_up_late_is_found() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found: list[Proposal] = []
    asking = threading.Thread(target=lambda: found.append(propose(f"http://127.0.0.1:{port}", retry_s=20.0)))
    asking.start()
    time.sleep(0.3)
    with endpoint(said(GOOD), port=port):
        asking.join()
    assert found[0].prompt == GOOD


def test_it_gives_up_in_time_and_says_what_to_do() -> None:
    error = failure("http://127.0.0.1:9", retry_s=1.0)
    assert "proxy model at http://127.0.0.1:9/v1: cannot connect" in error.what and error.what.endswith("2 times")
    assert "Is it up?" in error.remedy and "--proposer template" in error.remedy
    with endpoint(Play({"error": {"message": "overloaded."}}, 503, headers={"Retry-After": "3600"})) as scripted:
        assert "HTTP 503: overloaded. Is it up?" in str(failure(scripted))
        assert len(scripted.bodies) == 1, "it does not wait an hour"


@pytest.mark.parametrize("play", [Play({}, wait_s=60), replace(said(GOOD), trickle_s=0.1)], ids=["silent", "trickling"])
def test_a_slow_answer_is_not_waited_for(play: Play) -> None:
    began = time.monotonic()
    with endpoint(play) as scripted:
        assert "gave no whole answer within 1 s" in failure(scripted, timeout_s=1.0, retry_s=0.0).what
    assert time.monotonic() - began < 50, "not the 60 s of the endpoint"


def test_a_broken_connection_is_tried_again() -> None:
    with endpoint(replace(said(GOOD), cut=True), said(GOOD)) as scripted:
        assert propose(scripted).prompt == GOOD


@pytest.mark.parametrize("plays", [[Play({}, wait_s=60)], [Play({}, 500)]], ids=["asking", "waiting"])
def test_stop_ends_every_wait(plays: list[Play]) -> None:
    stop, began = threading.Event(), time.monotonic()
    with endpoint(*plays) as scripted:
        thread = until_asked(scripted, stop.set)
        with pytest.raises(ProposerError, match="stopped while"):
            proposer(scripted, stop, timeout_s=60.0, retry_s=60.0).propose(brief())
        thread.join()
    assert time.monotonic() - began < 50, "not the 60 s of the endpoint"


@pytest.mark.parametrize(
    ("play", "words", "remedy"),
    [
        (Play({"error": {"message": "The model `x` does not exist."}}, 404), "HTTP 404: The model `x` does not exist", "model"),
        (Play({"detail": "no"}, 403), "HTTP 403: no", "Set the key"),
        (Play({"error": "maximum context length is 2048 tokens"}, 400), "2048 tokens", "context_characters"),
        (Play(HTML, 200), "did not answer with JSON but '<!DOCTYPE html>", "Is the URL that of"),
        (Play("", 200), "did not answer with JSON", "Is the URL that of"),
        (Play("moved", 302, headers={"Location": "/x"}), "HTTP 302", "[proxy_model]"),
        (Play("x" * 5_000_000), "does not stop answering", "OpenAI"),
    ],
)
def test_what_asking_again_does_not_mend_fails_at_once(play: Play, words: str, remedy: str) -> None:
    with endpoint(play) as scripted:
        error = failure(scripted)
        assert words in error.what and remedy in error.remedy
        assert len(scripted.bodies) == 1


def test_an_endpoint_without_models_is_named() -> None:
    with endpoint(said(GOOD)) as scripted:
        scripted.next = lambda path: Play({"data": []})  # type: ignore[method-assign]
        assert "names no model. Name one" in str(failure(scripted, model=""))


# -- what it answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (said(""), "it is empty"),
        (said(None), "it is empty"),
        (said("<think>What if"), "thoughts"),
        (said("<think>I know.</think>\n\n"), "thoughts"),
        (said(HTML), "it is a web page"),
        (said("I'm sorry, but I can't help with that."), "it refuses"),
        (said("word " * 5000), "25,000"),
        (said("go on and on " * 200), "again and again"),
        (said('{"tool": "search", "arguments": {}}'), "it is data"),
        (said("?!"), "it says nothing"),
        (said("Profile it and then ch", "length"), "it was cut off"),
        (Play({"choices": []}), "it is data"),
        (Play({"object": "error", "message": "no"}), "it is data"),
        (Play([1, 2]), "it is data"),
    ],
)
def test_an_unusable_answer_is_asked_for_again_once(bad: Play, reason: str) -> None:
    with endpoint(bad, said(GOOD)) as scripted:
        found = propose(scripted)
        assert found.prompt == GOOD and found.details["answers"] == 2
        note = scripted.bodies[1]["messages"][-1]["content"]
    assert "That cannot be used" in note and reason.replace("25,000", "characters long") in note.replace("24,999", "25,000")
    with endpoint(bad) as scripted:
        error = failure(scripted)
        assert "gave no usable prompt twice" in error.what and "--proposer template" in error.remedy
        assert len(scripted.bodies) == 2 and len(error.what) < 400


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        f"<think>The hot spot is <b>score</b>.\nSo:</think>\n\n{GOOD}",
        f"The hot spot is score.</think>{GOOD}",
        f"<thinking>a</thinking><reasoning>b</reasoning>{GOOD}",
        f"```\n{GOOD}\n```",
        f"```text\n{GOOD}\n```\n",
        f"Here is the next prompt:\n```\n{GOOD}\n```",
        f'"{GOOD}"',
        f"“{GOOD}”",
        f"Prompt: {GOOD}",
        f"**Prompt:** {GOOD}",
        f"### Next prompt\n{GOOD}",
        f'<think>x</think>\n```markdown\n**Prompt**: "{GOOD}"\n```',
        json.dumps({"prompt": GOOD}),
        [{"type": "text", "text": GOOD[:20]}, {"type": "text", "text": GOOD[20:]}],
    ],
)
def test_thoughts_and_wrapping_are_taken_off(answer: Any) -> None:
    with endpoint(said(answer)) as scripted:
        found = propose(scripted)
    assert found.prompt == GOOD and found.details["answers"] == 1


@pytest.mark.parametrize(
    "text",
    [
        'Rename "a" to "b" where it is "c"',
        '"fast" is what it must be, and "right"',
        "Run this first:\n```\nmake profile\n```",
        "```\nmake\n```\nThen read what it prints.\n```\nx\n```",
        "Prompt users less often in cli.py.",
        "Sorry-state handling in parse() is slow; make it a table." * 10,
        "[draft] Make it fast",
        "搜索速度应当尽可能快",
    ],
)
def test_what_belongs_to_a_prompt_stays(text: str) -> None:
    assert prompt_in(text) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/clear the cache in store.py", "Task: /clear the cache in store.py"),
        ("!rm -rf build and start anew", "Task: !rm -rf build and start anew"),
        ("# Make it fast", "Make it fast"),
        ("Make it\x1b[31m fast\x00", "Make it fast"),
    ],
)
def test_a_prompt_is_no_command_of_the_agents_own(text: str, wanted: str) -> None:
    assert prompt_in(text) == wanted


def test_an_answer_of_thoughts_only_is_not_called_empty() -> None:
    assert prompt_in("") == Rejected("", "it is empty")
    assert "thoughts" in prompt_in("<think>x</think>")[1]


# -- the agent --------------------------------------------------------------------------------------------------------


@pytest.fixture
def claude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named claude on PATH; a test writes its lines of Python. Returns it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "claude"


def play(program: Path, lines: str) -> None:
    program.write_text(f"#!{sys.executable}\nimport os, sys, time, json\n{lines}\n")
    program.chmod(0o755)


def ask_agent(tmp_path: Path, timeout_s: float = 30.0, stop: threading.Event | None = None, name: str = "claude") -> Proposal:
    return AgentProposer([name], Templates(), timeout_s, stop).propose(brief(cwd=str(tmp_path)))


def test_the_agent_is_asked_in_the_lane_and_prints_the_prompt(
    tmp_path: Path, claude: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    seen = tmp_path / "seen.json"
    play(
        claude,
        f"""
settings = open(sys.argv[sys.argv.index("--settings") + 1]).read()
json.dump([sys.argv[1:], os.getcwd(), sys.stdin.read(), "CLAUDECODE" in os.environ, settings], open({str(seen)!r}, "w"))
print({f"Prompt: {GOOD}"!r})""",
    )
    found = ask_agent(tmp_path)
    assert (found.prompt, found.source, found.details["agent"]) == (GOOD, "agent", "Claude Code")
    words, cwd, asked, nested, settings = json.loads(seen.read_text())
    assert words[:5] == ["-p", "--output-format", "text", "--tools", ""] and "--no-session-persistence" in words
    assert cwd == str(tmp_path) and not nested and json.loads(settings) == {"disableAllHooks": True}
    assert GOAL in asked and "You direct a coding agent." in asked and "Rewrite the scorer in numpy." in asked


def test_an_agent_is_told_once_what_was_wrong(tmp_path: Path, claude: Path) -> None:
    play(claude, f"print({GOOD!r} if 'That cannot be used: it refuses' in sys.stdin.read() else 'I cannot do that.')")
    assert ask_agent(tmp_path).prompt == GOOD
    play(claude, "print('')")
    with pytest.raises(ProposerError, match="Claude Code gave no usable prompt twice: it is empty"):
        ask_agent(tmp_path)


def test_an_agent_that_fails_says_why(tmp_path: Path, claude: Path) -> None:
    play(claude, "print('Invalid API key · Please run /login'); sys.exit(1)")
    with pytest.raises(ProposerError) as error:
        ask_agent(tmp_path)
    assert error.value.what == "Claude Code failed (exit status 1): Invalid API key · Please run /login"
    assert error.value.remedy.startswith("Log in: start claude once by hand.")
    play(claude, "print('half a prompt'); sys.stderr.write('first\\nmodel not found\\n\\n'); sys.exit(3)")
    with pytest.raises(ProposerError, match=r"\(exit status 3\): model not found\. Let --proposer"):
        ask_agent(tmp_path)
    play(claude, "os.kill(os.getpid(), 9)")
    with pytest.raises(ProposerError, match=r"exit status -9\): it says nothing"):
        ask_agent(tmp_path)
    claude.unlink()
    with pytest.raises(ProposerError, match="cannot start"):
        ask_agent(tmp_path, name=str(claude))
    play(claude, f"print({GOOD!r})")
    with pytest.raises(ProposerError, match="cannot start"):
        ask_agent(tmp_path / "gone")


CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


@pytest.mark.parametrize("ends", ["limit", "stop", "itself"])
def test_an_agent_leaves_no_process(tmp_path: Path, claude: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    monkeypatch.setattr(agent_module, "GRACE_S", 0.2)
    noted, stop = tmp_path / "pids", threading.Event()
    rest = f"print({GOOD!r})" if ends == "itself" else "time.sleep(600)"
    play(
        claude,
        f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}])
open({str(noted)!r} + ".new", "w").write(f"{{os.getpid()}} {{child.pid}}")
os.rename({str(noted)!r} + ".new", {str(noted)!r})
{rest}""",
    )
    if ends == "itself":
        assert ask_agent(tmp_path).prompt == GOOD
    elif ends == "limit":
        with pytest.raises(ProposerError, match=r"gave no answer within 2 s. Raise .evolve. proposer_timeout_s"):
            ask_agent(tmp_path, timeout_s=2.0)
    else:
        threading.Thread(target=lambda: (wait_until(noted.exists), stop.set())).start()
        with pytest.raises(ProposerError, match="stopped while Claude Code was asked"):
            ask_agent(tmp_path, timeout_s=60.0, stop=stop)
    pids = [int(word) for word in noted.read_text().split()]
    wait_until(lambda: not any(runs(pid) for pid in pids), what="the agent and its child have ended")


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_codex_writes_its_answer_to_a_file(tmp_path: Path, claude: Path) -> None:
    lines = f"open(sys.argv[sys.argv.index('--output-last-message') + 1], 'w').write({GOOD!r}); print('tokens used: 9')"
    play(claude.with_name("codex"), lines)
    assert ask_agent(tmp_path, name="codex").prompt == GOOD


def test_headless_commands_keep_the_model_and_nothing_that_acts() -> None:
    given = ["node", "/x/claude.js", "--dangerously-skip-permissions", "--model", "opus", "--session-id", "1", "--resume=2"]
    hooks = json.dumps({"hooks": {"Stop": []}, "apiKeyHelper": "pass"})
    launch = ClaudeCode().headless([*given, "--settings", hooks, "fix it"], "")
    assert launch is not None and launch.argv[:3] == ("node", "/x/claude.js", "-p")
    assert launch.argv[-2:] == ("--model", "opus") and not {"--session-id", "--resume=2", "fix it"} & {*launch.argv}
    assert json.loads(launch.private) == {"apiKeyHelper": "pass", "disableAllHooks": True}

    words = ["codex", "--yolo", "-m", "o3", "-c", 'notify=["x"]', "-c", "a=1", "--oss", "resume", "--last"]
    launch = Codex().headless(words, "")
    assert launch is not None
    assert launch.argv[:4] == ("codex", "exec", "--sandbox", "read-only")
    assert launch.argv[-8:] == ("--model", "o3", "-c", "a=1", "--oss", "--output-last-message", "{answer file}", "-")
    assert 'notify=["x"]' not in launch.argv and "notify=[]" in launch.argv


def test_agents_without_headless_mode_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProposerError, match=r"no headless mode that procy knows. Let --proposer template"):
        ask_agent(tmp_path, name="vim")
    with pytest.raises(ProposerError, match="no agent cannot be asked"):
        AgentProposer([], Templates())

    class Older:
        name, title = "older", "an older plugin's agent"

    monkeypatch.setattr(agent_module, "profile_of", lambda argv: Older())
    with pytest.raises(ProposerError, match="an older plugin's agent cannot be asked"):
        AgentProposer(["x"], Templates())

    class Broken(Older):
        def headless(self, argv: list[str], prompt: str) -> Launch:
            raise KeyError("a bug")

    monkeypatch.setattr(agent_module, "profile_of", lambda argv: Broken())
    with pytest.raises(ProposerError, match="the profile older failed: 'a bug'"):
        ask_agent(tmp_path)


# -- which one --------------------------------------------------------------------------------------------------------


def test_proposers_are_found_by_name_and_by_the_settings() -> None:
    plain, templates = Settings(), Templates()
    served = Settings(proxy_model=ProxyModelSettings(url="http://127.0.0.1:9"))
    assert proposer_named("", plain, templates).name == "template"
    assert proposer_named("", served, templates).name == "model"
    assert proposer_named("", asking(plain, "http://127.0.0.1:9"), templates).name == "model"
    assert proposer_named("template", served, templates).name == proposer_named("fixed", served, templates).name == "template"
    assert proposer_named("agent", plain, templates, argv=["claude"]).name == "agent"
    assert default_proposer(replace(served, evolve=EvolveSettings(proposer="agent"))) == "agent"
    with pytest.raises(ProposerError, match=r"there is no proposer 'modle'. Did you mean model\?"):
        proposer_named("modle", plain, templates)
    with pytest.raises(ProposerError, match=r"no proxy model is set up. Set .proxy_model. url or give --proxy-url"):
        proposer_named("model", plain, templates)
    with pytest.raises(ConfigError, match="--proxy-url = 'localhost' is no http address"):
        proposer_named("model", asking(plain, "localhost"), templates)
