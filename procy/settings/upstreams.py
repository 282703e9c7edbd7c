"""The settings of one upstream of the gateway: ``[upstreams.NAME]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from procy.errors import ConfigError
from procy.settings.evolve import check_url
from procy.settings.read import NUMBER, at_least, one_of, read_table, typed

SERVICES = ("claude", "codex", "openai")
SERVICE_WIRE = {"claude": "anthropic-messages", "codex": "openai-responses", "openai": "openai-chat"}
WIRES = ("anthropic-messages", "openai-responses", "openai-chat", "gemini", "client")
KEYS = ("env", "file", "command", "keyring")
AUTHS = ("bearer", "x-api-key", "both", "passthrough")
PROFILES = ("passthrough", "protocol", "custom")
QUIRKS = (  # as procy.parse.wire.translate tells them
    "no-stream-with-tools",
    "reasoning-back",
    "system-first",
    "plain-content",
    "no-stream-options",
    "max-completion-tokens",
)
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a header's name, RFC 9110 §5.6.2
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")  # of an upstream: it stands in paths, tables and command lines
IDENTITY = ("user-agent", "x-app", "originator")  # by these a client says who it is; x-stainless-* too
CARRIED = ("authorization", "x-api-key", "host", "content-length", "transfer-encoding", "connection")  # procy's own to set
FIRST_PARTY = ("anthropic.com", "claude.ai", "openai.com", "chatgpt.com", "googleapis.com")


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a key is found. ``kind``: env (a variable), file (readable by its owner only), command (its first line) or keyring
    (``service/user``)."""

    kind: str
    place: str

    def __str__(self) -> str:
        return f"{self.kind} {self.place}"


@dataclass(frozen=True, slots=True)
class HeaderSettings:
    """``profile``: passthrough (nothing changes), protocol (what the wire needs is there; ``beta`` flags added) or custom (the
    user's own ``ensure`` where missing, ``set`` in any case, ``remove``). Names are in lower case."""

    profile: str = "passthrough"
    beta: tuple[str, ...] = ()
    ensure: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    set: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldSettings:
    """Changes to fields of the body, named by dotted paths. ``drop``: taken out; ``backfill``: where missing or null;
    ``default``: where missing."""

    drop: tuple[str, ...] = ()
    backfill: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    default: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """For models that ``pattern`` (exact or a glob) names: what is told where the client says nothing, "" for nothing.
    ``efforts``: those that the model knows; () for what procy knows of it."""

    pattern: str
    effort: str = ""
    verbosity: str = ""
    summary: str = ""
    efforts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """``wire`` "client": whatever the client speaks. ``key`` None: the client's own passes. ``priority``: 1 goes before 2.
    ``weight``: its share among those of the same priority. ``rpm``: calls a minute, 0 for no limit; ``burst``: how many of them
    may start at once."""

    name: str
    service: str
    base_url: str
    wire: str
    key: KeySource | None = None
    auth: str = "passthrough"
    active: bool = False
    priority: int = 1
    weight: float = 1.0
    rpm: float = 0.0
    burst: int = 1
    quirks: tuple[str, ...] = ()
    headers: HeaderSettings = field(default_factory=HeaderSettings)
    fields: FieldSettings = field(default_factory=FieldSettings)
    models: tuple[ModelDefaults, ...] = ()


def read_upstreams(found: object, path: str) -> Mapping[str, UpstreamSettings]:
    """By name, in the order of the file. Raises ConfigError; also where two of a service are active."""
    tables = typed(found, dict, path, "upstreams")
    upstreams = {name: read_upstream(table, path, name) for name, table in tables.items()}
    for service in SERVICES:
        active = [one.name for one in upstreams.values() if one.service == service and one.active]
        if len(active) > 1:
            what = f"{path}: more than one upstream of {service} is active: {', '.join(active)}"
            raise ConfigError(what, f"procy gateway use {active[0]}, or take `active = true` from the others")
    return MappingProxyType(upstreams)


def read_upstream(found: object, path: str, name: str) -> UpstreamSettings:
    where = f"upstreams.{name}"
    if not NAME.fullmatch(name):
        raise ConfigError(f"{path}: {name!r} is no name for an upstream", "Use letters, digits, '.', '_' and '-', 64 at most")
    words = dict.fromkeys(("service", "base_url", "wire", "auth"), str)
    tables: dict[str, Any] = dict.fromkeys(("key", "headers", "fields", "models"), dict)
    values = read_table(found, {**words, **tables, "active": bool, "priority": int, "burst": int, "weight": NUMBER, "rpm": NUMBER,
                                "quirks": list}, path, where)  # fmt: skip
    for needed, example in (("service", '"claude"'), ("base_url", '"https://…/v1"')):
        if needed not in values:
            raise ConfigError(f"{path}: {where} has no {needed}", f"Add {needed} = {example}")
    check_url(values["base_url"], path, f"{where}.base_url")
    for key, choices in (("service", SERVICES), ("wire", WIRES), ("auth", AUTHS)):
        one_of(choices, values, key, path, where)
    at_least(0, values, ["priority", "weight", "rpm"], path, where)
    at_least(1, values, ["burst"], path, where)
    values.setdefault("wire", SERVICE_WIRE[values["service"]])
    values["key"] = read_key(values["key"], path, f"{where}.key") if "key" in values else None
    values["auth"] = auth_of(values, path, where)
    values["quirks"] = words_of(values.get("quirks", []), path, f"{where}.quirks")
    for quirk in values["quirks"]:
        one_of(QUIRKS, {"quirks": quirk}, "quirks", path, where)
    values["headers"] = read_headers(values.get("headers", {}), path, f"{where}.headers", values["base_url"])
    values["fields"] = read_fields(values.get("fields", {}), path, f"{where}.fields")
    values["models"] = read_models(values.get("models", {}), path, f"{where}.models")
    return UpstreamSettings(name, **values)


def read_key(found: Mapping[str, Any], path: str, where: str) -> KeySource:
    table = read_table(found, dict.fromkeys(KEYS, str), path, where)
    if len(table) != 1:
        raise ConfigError(f"{path}: {where} names {len(table)} places", 'Name one, as in key = {env = "MY_KEY"}')
    [(kind, place)] = table.items()
    if not place.strip():
        raise ConfigError(f"{path}: {where}.{kind} is empty", "Name the place of the key")
    return KeySource(kind, place)


def auth_of(values: Mapping[str, Any], path: str, where: str) -> str:
    """Where the key goes; by the wire where it is not said."""
    if values["key"] is None:
        if values.get("auth", "passthrough") != "passthrough":
            raise ConfigError(f"{path}: {where}.auth needs a key", f'Add {where}.key = {{env = "MY_KEY"}}, or take auth out')
        return "passthrough"
    auth: str = values.get("auth") or ("x-api-key" if values["wire"] == "anthropic-messages" else "bearer")
    if auth == "passthrough":
        raise ConfigError(f"{path}: {where} has a key and lets the client's pass", "Take out the key, or auth")
    return auth


def read_headers(found: Mapping[str, Any], path: str, where: str, base_url: str) -> HeaderSettings:
    kinds: dict[str, Any] = {"profile": str, "beta": list, "ensure": dict, "set": dict, "remove": list, "acknowledge": str}
    table = read_table(found, kinds, path, where)
    one_of(PROFILES, table, "profile", path, where)
    profile = table.get("profile", "passthrough")
    custom = [key for key in ("ensure", "set", "remove") if table.get(key)]
    if custom and profile != "custom":
        raise ConfigError(f'{path}: {where}.{custom[0]} needs profile = "custom"', f'Write {where}.profile = "custom"')
    if table.get("beta") and profile == "passthrough":
        raise ConfigError(f'{path}: {where}.beta needs profile = "protocol" or "custom"', "Choose one of them")
    ensure, forced = (header_values(table.get(key, {}), path, f"{where}.{key}") for key in ("ensure", "set"))
    remove = tuple(header_name(name, path, f"{where}.remove") for name in words_of(table.get("remove", []), path, where))
    said = [name for name in (*ensure, *forced) if name in IDENTITY or name.startswith("x-stainless-")]
    if said:
        check_permission(said[0], table.get("acknowledge", ""), base_url, path, where)
    return HeaderSettings(profile, words_of(table.get("beta", []), path, f"{where}.beta"), ensure, forced, remove)


def check_permission(name: str, acknowledge: str, base_url: str, path: str, where: str) -> None:
    """A header that says who the client is may be set only by someone who says that the host permits it."""
    host = urlsplit(base_url).hostname or ""
    if any(host == one or host.endswith("." + one) for one in FIRST_PARTY):
        raise ConfigError(f"{path}: {where} sets {name} for {host}", "Take it out: who the client is stays as the client says")
    sentence = f"I am permitted to do this on {host}"
    if acknowledge != sentence:
        raise ConfigError(f"{path}: {where} sets {name}, by which a client says who it is", f'Add acknowledge = "{sentence}"')


def header_values(found: Mapping[str, Any], path: str, where: str) -> Mapping[str, str]:
    values = {header_name(name, path, where): typed(value, str, path, f"{where}.{name}") for name, value in found.items()}
    for name, value in values.items():
        if not (value.isprintable() and value.isascii()):
            raise ConfigError(f"{path}: {where}.{name} has characters that no header has", "Use printable ASCII")
    return MappingProxyType(values)


def header_name(name: str, path: str, where: str) -> str:
    if not TOKEN.fullmatch(name):
        raise ConfigError(f"{path}: {where}: {name!r} is no name of a header", "Write it as in x-my-header")
    if name.lower() in CARRIED:
        raise ConfigError(f"{path}: {where}: {name} is set by the gateway itself", "Use key and auth for keys")
    return name.lower()


def read_fields(found: Mapping[str, Any], path: str, where: str) -> FieldSettings:
    table = read_table(found, {"drop": list, "backfill": dict, "default": dict}, path, where)
    frozen = {key: MappingProxyType(table.get(key, {})) for key in ("backfill", "default")}
    return FieldSettings(words_of(table.get("drop", []), path, f"{where}.drop"), **frozen)


def read_models(found: Mapping[str, Any], path: str, where: str) -> tuple[ModelDefaults, ...]:
    kinds: dict[str, Any] = {**dict.fromkeys(("effort", "verbosity", "summary"), str), "efforts": list}
    rows = []
    for pattern, one in found.items():
        table = read_table(one, kinds, path, f"{where}.{pattern}")
        table["efforts"] = words_of(table.get("efforts", []), path, f"{where}.{pattern}.efforts")
        rows.append(ModelDefaults(pattern, **{key: value for key, value in table.items() if value != "off"}))
    return tuple(rows)


def words_of(found: list[Any], path: str, where: str) -> tuple[str, ...]:
    return tuple(typed(one, str, path, where) for one in found)
