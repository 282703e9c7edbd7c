"""The user's ``config.toml``, read into one frozen value. What is not set has a default; what is wrong is an error.

Example, with every key::

    agent = "claude"            # the command of bare `procy`
    raw = "keep"                # terminal bytes: keep, redact (same length, secrets starred) or drop

    [ui]
    port = 7862
    hosts = []                  # names besides localhost under which the pages may be asked for

    [prices."claude-sonnet-4"]  # by the model's name or the beginning of it; US dollars per million tokens
    input = 3.0
    output = 15.0
    cache_read = 0.3
    cache_write = 3.75

    [proxy_model]               # writes prompts: vLLM, Ollama or any endpoint that speaks as OpenAI's does
    url = "http://localhost:8000/v1"
    model = "qwen3-8b"          # default: the first that it offers
    api_key_env = "MY_KEY"      # the variable that has the key; or api_key = "…"
    timeout_s = 120             # of one answer
    retry_s = 60                # how long to try again while it is down or busy
    max_tokens = 2000           # of one answer, thoughts included
    temperature = 0.7
    context_characters = 24000  # told to it at most

    [serve]                     # what the options of `procy serve` do not say
    engine = "vllm"             # vllm or transformers; default: vllm where it is installed
    python = "~/vllm/bin/python"  # of the environment that has the engine; of a host the one there
    options = ["--dtype", "half"]  # for the engine, as it calls them

    [evolve]                    # what the options of `procy evolve` do not say
    strategy = "stall-switch"
    proposer = "model"          # model, template or agent; default: model where it has a url, else template
    lanes = 1
    executor = "local"          # of evaluations: local, ssh or ray
    ray = "ray://head:10001"    # address of the cluster; default: the one that this machine belongs to
    prompts = "prompts"         # directory of templates that replace procy's, from here
    link = ["node_modules"]     # what git ignores, lent to lanes
    proposer_timeout_s = 300    # of the agent, where it is the proposer
    turn_timeout_s = 3600       # of the agent's work on one prompt
    budget = {tries = 50, seconds = 28800, tokens = 5e6, usd = 10, evaluator_seconds = 7200, stall = 20}

    [changes]                   # what turns change, by git; see docs/changes.md
    enabled = true
    largest_mb = 5              # files beyond are left out

    [redact]                    # what is masked besides keys and tokens; see docs/secrets.md
    rules = [{find = "my secret"}, {find = "user-[0-9]+", regex = true, name = "user"}]

    [train]                     # what the options of `procy train` do not say
    model = "Qwen/Qwen2.5-14B-Instruct"
    where = "local"             # or ssh:big, ray:http://127.0.0.1:8265
    python = "~/train/bin/python"  # has torch, trl and peft; default: what `procy train setup` made

    [hosts.big]                 # lanes and evaluators elsewhere
    ssh = "me@big.example"      # default: the name
    options = ["-p", "2222"]    # of ssh
    dir = "/scratch/me/procy"   # procy's data directory there; default: its own
    procy = "~/.local/bin/procy"  # in the words of the shell there: "env PATH=$HOME/bin:$PATH procy" too
    agent = "claude"            # default: the command that the agent has here
    python = "~/train/bin/python"  # has torch, for trainings; default: python3
    lanes = 4
    evaluators = 2              # at once, where they measure no time

    [gateway]                   # see docs/gateway.md and docs/gateway-steering.md
    claude_port = 3210
    codex_port = 3211
    openai_port = 3212
    token = "required"          # or optional
    connect_timeout_s = 30
    idle_timeout_s = 600        # of silence, until an upstream is given up
    keep_bodies_days = 30       # 0: for ever
    balance = "active"          # active, priority, weighted or round-robin; or by service: {claude = "weighted"}
    failures = 3                # in a row, until an upstream rests
    cool_down_s = 60            # how long it rests
    retries = 2                 # further upstreams that a call may try before its first byte
    fail_open = false           # forward although a filter is broken
    routes = [{model = "gpt-5*", to_model = "my-model"}, {model = "*haiku*", to_upstream = "cheap"}]
    filters = [{find = "my secret", replace = "…"}, {find = "user-[0-9]+", regex = true, upstreams = ["cheap"]}]

    [gateway.models."gpt-5*"]   # where the client says nothing; also under an upstream
    effort = "high"
    verbosity = "low"
    summary = "auto"
    efforts = ["low", "medium", "high"]  # that the model knows

    [upstreams.cheap]
    service = "codex"           # claude, codex or openai: the port
    base_url = "https://api.example.com/v1"
    wire = "openai-responses"   # anthropic-messages, openai-responses, openai-chat, gemini, or client; default: the service's own
    key = {env = "MY_KEY"}      # or {file = "…"} (0600), {command = "…"}, {keyring = "service/user"}; default: the client's own
    auth = "bearer"             # bearer, x-api-key, both or passthrough
    active = true               # what `procy gateway use` switches
    priority = 1                # 1 goes before 2
    weight = 1.0                # its share among those of the same priority
    rpm = 0                     # calls a minute; 0: no limit
    burst = 1                   # of them at once
    quirks = ["no-stream-with-tools"]
    headers = {profile = "protocol", beta = []}  # or passthrough; custom with ensure, set, remove and acknowledge
    fields = {drop = ["service_tier"], backfill = {store = false}, default = {"text.verbosity" = "low"}}
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from procy.errors import ConfigError
from procy.places import Places
from procy.settings.changes import ChangeSettings, read_changes
from procy.settings.evolve import EvolveSettings, HostSettings, ProxyModelSettings, read_evolve, read_hosts, read_proxy_model
from procy.settings.gateway import GatewaySettings, check_names, read_gateway
from procy.settings.read import check_keys, typed
from procy.settings.redact import RedactSettings, look_again, read_redact
from procy.settings.serve import ServeSettings, read_serve
from procy.settings.train import TrainSettings, read_train
from procy.settings.upstreams import UpstreamSettings, read_upstreams
from procy.types import Usage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0

    def of(self, usage: Usage) -> float:
        """US dollars."""
        tokens = (usage.input, usage.output, usage.cache_read, usage.cache_write)
        rates = (self.input, self.output, self.cache_read, self.cache_write)
        return sum((count or 0) * rate for count, rate in zip(tokens, rates, strict=True)) / 1e6


@dataclass(frozen=True, slots=True)
class UiSettings:
    port: int = 7862
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    agent: str = "claude"
    raw: str = "keep"
    ui: UiSettings = field(default_factory=UiSettings)
    changes: ChangeSettings = field(default_factory=ChangeSettings)
    redact: RedactSettings = field(default_factory=RedactSettings)
    prices: Mapping[str, Price] = field(default_factory=lambda: MappingProxyType({}))
    proxy_model: ProxyModelSettings = field(default_factory=ProxyModelSettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
    evolve: EvolveSettings = field(default_factory=EvolveSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    hosts: Mapping[str, HostSettings] = field(default_factory=lambda: MappingProxyType({}))
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    upstreams: Mapping[str, UpstreamSettings] = field(default_factory=lambda: MappingProxyType({}))

    def cost(self, model: str | None, usage: Usage) -> float | None:
        """What the tokens cost by the price table; None where it has no such model. The longest matching name wins."""
        names = [name for name in self.prices if model and model.startswith(name)]
        return self.prices[max(names, key=len)].of(usage) if names else None

    def host(self, name: str) -> HostSettings:
        """Raises ConfigError where ``[hosts]`` has none of that name."""
        if name not in self.hosts:
            near = get_close_matches(name, self.hosts, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Write it into the settings: [hosts.{name}]"
            raise ConfigError(f"there is no host {name!r}", hint)
        return self.hosts[name]


def load_settings(places: Places) -> Settings:
    """Read ``places.config``; defaults when there is none. Raises ConfigError naming file, key and remedy."""
    look_again()
    return read_settings(load_tables(places.config), places.config)


def load_tables(path: str) -> dict[str, Any]:
    """The settings as they are written, unchecked; empty when there is no file. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "Make it readable or remove it") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", "Correct that line") from error


def read_settings(found: Mapping[str, Any], path: str) -> Settings:
    check_keys(found, [one.name for one in fields(Settings)], path, "")
    values: dict[str, Any] = {}
    for key in ("agent", "raw"):
        if key in found:
            values[key] = typed(found[key], str, path, key)
    if values.get("raw", "keep") not in ("keep", "redact", "drop"):
        raise ConfigError(f"{path}: raw = {found['raw']!r} is none of keep, redact, drop", "Choose one of them")
    if "ui" in found:
        table = typed(found["ui"], dict, path, "ui")
        check_keys(table, ["port", "hosts"], path, "ui.")
        hosts = typed(table.get("hosts", []), list, path, "ui.hosts")
        values["ui"] = UiSettings(
            typed(table.get("port", 7862), int, path, "ui.port"), tuple(typed(host, str, path, "ui.hosts") for host in hosts)
        )
    if "prices" in found:
        prices = typed(found["prices"], dict, path, "prices")
        values["prices"] = MappingProxyType({name: read_price(table, path, name) for name, table in prices.items()})
    for key, read in READERS.items():
        if key in found:
            values[key] = read(found[key], path)
    settings = Settings(**values)
    check_names(settings.gateway, settings.upstreams, path)
    return settings


READERS: Mapping[str, Callable[[object, str], Any]] = {
    "changes": read_changes,
    "redact": read_redact,
    "proxy_model": read_proxy_model,
    "serve": read_serve,
    "evolve": read_evolve,
    "train": read_train,
    "hosts": read_hosts,
    "gateway": read_gateway,
    "upstreams": read_upstreams,
}


def read_price(found: object, path: str, name: str) -> Price:
    table = typed(found, dict, path, f"prices.{name}")
    check_keys(table, [one.name for one in fields(Price)], path, f"prices.{name}.")
    return Price(**{key: float(typed(value, (int, float), path, f"prices.{name}.{key}")) for key, value in table.items()})
