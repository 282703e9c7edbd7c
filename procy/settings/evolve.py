"""The settings of the loop: ``[proxy_model]``, ``[evolve]`` and ``[hosts.NAME]``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from procy.errors import ConfigError
from procy.settings.read import NUMBER, at_least, one_of, read_table, typed

PROPOSERS = ("model", "template", "agent")
EXECUTORS = ("local", "ssh", "ray")
BUDGETS = ("tries", "seconds", "tokens", "usd", "evaluator_seconds", "stall")


@dataclass(frozen=True, slots=True)
class ProxyModelSettings:
    """An endpoint that speaks as OpenAI's does. ``url`` "": none. ``model`` "": the first that it offers."""

    url: str = ""
    model: str = ""
    api_key_env: str = ""
    api_key: str = field(default="", repr=False)
    timeout_s: float = 120.0
    retry_s: float = 60.0
    max_tokens: int = 2000
    temperature: float = 0.7
    context_characters: int = 24_000

    def key(self, environment: Mapping[str, str]) -> str:
        """The secret; "" where none is set. Raises ConfigError where the variable that should have it is not there."""
        name = self.api_key_env
        key = (environment.get(name, "") if name else self.api_key).strip()
        if name and not key:
            what = f"proxy_model.api_key_env names {name}, which is not set in this environment"
            raise ConfigError(what, f"Export {name}, or name another variable")
        if not (key.isascii() and (key.isprintable() or not key)):
            raise ConfigError(f"the key in {name or 'proxy_model.api_key'} has characters that no key has", "Copy it again")
        return key


@dataclass(frozen=True, slots=True)
class EvolveSettings:
    """What ``procy evolve`` does where its options do not say otherwise. ``proposer`` "": model where it has a URL, else
    template. ``prompts``: a directory. ``link``: what git ignores, lent to lanes. ``budget``: only what is limited. ``ray``:
    address of a cluster; "": the one that this machine belongs to."""

    strategy: str = "stall-switch"
    proposer: str = ""
    lanes: int = 1
    executor: str = "local"
    ray: str = ""
    prompts: str = ""
    link: tuple[str, ...] = ()
    proposer_timeout_s: float = 300.0
    turn_timeout_s: float = 3600.0
    budget: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class HostSettings:
    """A machine reached by ssh. ``ssh``: what ``ssh`` takes for a destination; ``options``: what comes before it. ``dir``:
    procy's data directory there; "": its own. ``procy``: how it is called there, in the words of the shell. ``evaluators``: how
    many may run there at once where they measure no time; 0: none. ``agent``: its command there; "": the same as here.
    ``python``: an interpreter there that has torch, for trainings."""

    name: str
    ssh: str
    dir: str = ""
    procy: str = "procy"
    lanes: int = 1
    evaluators: int = 1
    options: tuple[str, ...] = ()
    agent: str = ""
    python: str = "python3"


def read_proxy_model(found: object, path: str) -> ProxyModelSettings:
    name = "proxy_model"
    words = dict.fromkeys(("url", "model", "api_key_env", "api_key"), str)
    numbers = dict.fromkeys(("timeout_s", "retry_s", "temperature"), NUMBER)
    values = read_table(found, {**words, **numbers, "max_tokens": int, "context_characters": int}, path, name)
    if values.get("url"):
        check_url(values["url"], path, f"{name}.url")
    if values.get("api_key") and values.get("api_key_env"):
        raise ConfigError(f"{path}: {name} has both api_key and api_key_env", "Keep api_key_env, which needs no secret in a file")
    at_least(0.1, values, ["timeout_s"], path, name)
    at_least(0, values, ["retry_s", "temperature"], path, name)
    at_least(16, values, ["max_tokens"], path, name)
    at_least(1000, values, ["context_characters"], path, name)
    return ProxyModelSettings(**values)


def check_url(url: str, path: str, key: str) -> str:
    """Raises ConfigError where it is no http address; its user and password are not repeated. ``path`` may be ""."""
    where = f"{path}: {key}" if path else key
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        shown = url if "@" not in url else "…@" + url.rpartition("@")[2]
        raise ConfigError(f"{where} = {shown!r} is no http address", "Write it as in http://localhost:8000/v1")
    return url


def read_evolve(found: object, path: str) -> EvolveSettings:
    name = "evolve"
    words = dict.fromkeys(("strategy", "proposer", "executor", "ray", "prompts"), str)
    numbers = dict.fromkeys(("proposer_timeout_s", "turn_timeout_s"), NUMBER)
    values = read_table(found, {**words, **numbers, "lanes": int, "budget": dict, "link": list}, path, name)
    one_of(PROPOSERS, values, "proposer", path, name)
    one_of(EXECUTORS, values, "executor", path, name)
    at_least(1, values, ["lanes", "proposer_timeout_s", "turn_timeout_s"], path, name)
    if "prompts" in values:
        values["prompts"] = beside(values["prompts"], path)
    values["link"] = tuple(typed(one, str, path, f"{name}.link") for one in values.get("link", ()))
    if "budget" in values:
        budget = read_table(values["budget"], dict.fromkeys(BUDGETS, NUMBER), path, f"{name}.budget")
        at_least(0, budget, budget, path, f"{name}.budget")
        values["budget"] = MappingProxyType(budget)
    return EvolveSettings(**values)


def beside(directory: str, path: str) -> str:
    """As an absolute path; a relative one is meant from where the settings file is."""
    return os.path.join(os.path.dirname(path), os.path.expanduser(directory)) if directory else ""


def read_hosts(found: object, path: str) -> Mapping[str, HostSettings]:
    return MappingProxyType({name: read_host(table, path, name) for name, table in typed(found, dict, path, "hosts").items()})


def read_host(found: object, path: str, name: str) -> HostSettings:
    key = f"hosts.{name}"
    kinds: dict[str, Any] = {**dict.fromkeys(("ssh", "dir", "procy", "agent", "python"), str), "lanes": int, "evaluators": int,
                             "options": list}  # fmt: skip
    values = {"ssh": name, **read_table(found, kinds, path, key)}
    at_least(0, values, ["lanes", "evaluators"], path, key)
    if not re.fullmatch(r"[^\s-]\S*", values["ssh"]):  # a dash would be an option of ssh
        raise ConfigError(f"{path}: {key}.ssh = {values['ssh']!r} is no destination", "Write it as in user@machine")
    values["options"] = tuple(typed(word, str, path, f"{key}.options") for word in values.get("options", ()))
    return HostSettings(name, **values)
