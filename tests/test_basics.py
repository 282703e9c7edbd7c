"""Ids, places, settings, masks: the ground floor."""

from __future__ import annotations

import random
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest

import procy.settings
from procy import ids
from procy.errors import ConfigError
from procy.parse.redact import mask, star
from procy.places import find_places
from procy.settings import load_settings
from procy.types import Usage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_ids_are_ulid_shaped_sorted_by_time_and_derived_ones_stay_the_same() -> None:
    early, late = ids.new_id(1_000_000_000_000, b"\xff" * 10), ids.new_id(1_000_001_000_000, b"\0" * 10)
    assert len(early) == 26 and set(early) <= set(ids.ALPHABET) and early < late
    assert ids.derived_id(5, "a", "b") == ids.derived_id(5, "a", "b")
    assert len({ids.derived_id(5, "a", "b"), ids.derived_id(5, "ab", ""), ids.derived_id(5, "a\x1fb")}) == 2, (
        "keys are joined by \\x1f"
    )
    assert ids.encode(0, bytes(10)) == "0" * 26
    assert ids.encode((1 << 48) - 1, b"\xff" * 10) == "7" + "Z" * 25


def test_places_follow_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROCY_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PROCY_CONFIG", "~/c.toml")
    places = find_places()
    assert (places.home, places.db, places.spool) == tuple(
        str(tmp_path / "data" / part) if part else str(tmp_path / "data") for part in ("", "procy.db", "spool")
    )
    assert places.config == str(Path("~/c.toml").expanduser())
    assert find_places(str(tmp_path / "other.db")).db == str(tmp_path / "other.db")
    monkeypatch.delenv("PROCY_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert find_places().home.endswith("procy")


GOOD = """
agent = "codex --yolo"
raw = "redact"
[ui]
port = 9000
hosts = ["box.local"]
[prices."claude-opus"]
input = 15
output = 75.0
[prices."claude-opus-4-5"]
input = 5
"""


def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> object:
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.setenv("PROCY_CONFIG", str(path))
    return load_settings(find_places())


def test_settings_are_read_and_prices_found_by_the_longest_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(tmp_path, monkeypatch, GOOD)
    assert (found.agent, found.raw, found.ui.port, found.ui.hosts) == ("codex --yolo", "redact", 9000, ("box.local",))
    million = Usage(input=1_000_000, output=1_000_000)
    assert found.cost("claude-opus-4", million) == 90.0
    assert found.cost("claude-opus-4-5-x", million) == 5.0
    assert found.cost("gpt", million) is None
    assert found.cost(None, million) is None


LOOP = """
[proxy_model]
url = "http://localhost:8000/v1"
timeout_s = 30
api_key = "secret"

[evolve]
proposer = "model"
prompts = "prompts"
budget = {tries = 50, tokens = 5e6}

[hosts.big]
ssh = "me@big.example"
lanes = 4

[hosts.small]
"""


def test_settings_of_the_loop_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(tmp_path, monkeypatch, LOOP)
    model, evolve, hosts = found.proxy_model, found.evolve, found.hosts
    assert (model.url, model.timeout_s, model.model, model.key({})) == ("http://localhost:8000/v1", 30.0, "", "secret")
    assert "secret" not in repr(found)
    assert (evolve.proposer, evolve.strategy, evolve.lanes) == ("model", "stall-switch", 1)
    assert evolve.prompts == str(tmp_path / "prompts"), "from where the file is"
    assert dict(evolve.budget) == {"tries": 50.0, "tokens": 5e6}
    assert (hosts["big"].ssh, hosts["big"].lanes, hosts["big"].procy) == ("me@big.example", 4, "procy")
    assert (hosts["small"].name, hosts["small"].ssh, hosts["small"].evaluators) == ("small", "small", 1)


def test_the_example_of_all_settings_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = textwrap.dedent((procy.settings.__doc__ or "").partition("::\n")[2])
    found = settings(tmp_path, monkeypatch, example)
    for table, given in tomllib.loads(example).items():
        known = getattr(found, table)
        if table not in ("agent", "raw", "prices", "hosts", "upstreams"):
            assert set(given) >= {field.name for field in fields(known)} - {"api_key"}, "every key is in it"
    for table, one in (("hosts", found.hosts["big"]), ("upstreams", found.upstreams["cheap"])):
        [given] = tomllib.loads(example)[table].values()
        assert {field.name for field in fields(one)} - {"name", "models"} == set(given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('agnet = "x"', "unknown setting agnet. Did you mean agent?"),
        ("agent = 3", "agent = 3 is not of type str"),
        ('raw = "some"', "none of keep, redact, drop"),
        ("[ui]\nport = true", "ui.port = True is not of type int"),
        ("[ui]\nhost = []", "unknown setting ui.host"),
        ("[prices.x]\ninput = 'a'", "prices.x.input"),
        ("[prices]\nx = 3", "prices.x = 3 is not of type dict"),
        ("[proxy_model]\nurll = ''", "unknown setting proxy_model.urll. Did you mean proxy_model.url?"),
        ("[proxy_model]\nurl = 'localhost:8000'", "proxy_model.url = 'localhost:8000' is no http address"),
        ("[proxy_model]\nurl = 'http://h:port/v1'", "is no http address. Write it as in http://localhost:8000/v1"),
        ("[proxy_model]\napi_key = 'a'\napi_key_env = 'B'", "has both api_key and api_key_env"),
        ("[proxy_model]\ntimeout_s = 0", "proxy_model.timeout_s = 0.0 is less than 0.1"),
        ("[proxy_model]\nmax_tokens = 1.5", "proxy_model.max_tokens = 1.5 is not of type int"),
        ("[evolve]\nproposer = 'templat'", "is none of model, template, agent. Did you mean template?"),
        ("[evolve]\nexecutor = 'k8s'", "is none of local, ssh, ray. Choose one of them"),
        ("[evolve]\nlanes = 0", "evolve.lanes = 0 is less than 1"),
        ("[evolve.budget]\nhours = 3", "unknown setting evolve.budget.hours"),
        ("[hosts.big]\nlane = 2", "unknown setting hosts.big.lane. Did you mean hosts.big.lanes?"),
        ("[hosts.big]\nssh = '-oProxyCommand=x'", "hosts.big.ssh = '-oProxyCommand=x' is no destination"),
        ("hosts = ['big']", "hosts = ['big'] is not of type dict"),
        ("agent = ", "is not valid TOML"),
        (b"agent = '\xff'", "is not valid TOML"),
    ],
)
def test_wrong_settings_name_file_key_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes, words: str
) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, monkeypatch, text)
    assert words in str(error.value) and str(tmp_path) in str(error.value)


SECRETS = {
    "anthropic-key": "sk-ant-api03-" + "aB3_" * 10,
    "openai-key": "sk-proj-" + "aB3x" * 12,
    "github-token": "ghp_" + "a1" * 18,
    "gitlab-token": "glpat-" + "a1" * 10,
    "aws-key": "AKIA" + "A1" * 8,
    "google-key": "AIza" + "a" * 35,
    "slack-token": "xoxb-1234567890-abcdef",
    "huggingface-token": "hf_" + "a" * 34,
    "npm-token": "npm_" + "a" * 36,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.SflKxwRJSMeKKF2QT4",
    "private-key": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\naC1rZXk\n-----END OPENSSH PRIVATE KEY-----",
}
PLAIN = """def token(self): return self.api_key or os.environ["OPENAI_API_KEY"]
TOKEN=$(cat file) PASSWORD="" sk-learn task-force-one-two-three-four-five-six-seven https://example.org/a:b@c ghp_short
"""


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_masked_by_their_form(name: str) -> None:
    assert mask(f"before {SECRETS[name]} after") == f"before [redacted:{name}] after"


def test_values_go_and_names_stay() -> None:
    assert mask("OPENAI_API_KEY='abcdefgh12345'") == "OPENAI_API_KEY=[redacted:assignment]"
    assert mask("Authorization: Bearer abcdefghijklmnopqrstuv") == "Authorization: Bearer [redacted:bearer]"
    assert mask("git clone https://user:hunter22@host/x") == "git clone https://user:[redacted:password]@host/x"


def test_code_and_prose_stay_as_they_are() -> None:
    assert mask(PLAIN) == PLAIN


def test_streams_are_starred_in_the_same_places_however_they_are_cut() -> None:
    secret = SECRETS["anthropic-key"]
    stream = f"$ \x1b[1mexport\x1b[0m K={secret[:9]}\x1b[31m{secret[9:]}\x1b[0m\r\n" + "x " * 70_000 + f"{secret} end"
    whole = "".join(star([stream]))
    assert len(whole) == len(stream) and secret not in whole and secret[9:] not in whole
    assert whole.startswith("$ \x1b[1mexport\x1b[0m K=*********\x1b[31m***") and whole.endswith("*** end")
    chance = random.Random(2)
    for count in (3, 300, 30_000):
        places = sorted(chance.sample(range(len(stream)), count))
        pieces = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
        starred = list(star(pieces))
        assert [len(piece) for piece in starred] == [len(piece) for piece in pieces]
        assert "".join(starred) == whole
