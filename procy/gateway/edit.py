"""Changes of the settings file that leave the user's comments, order and spelling alone.

A file that cannot be read as TOML is never written, nor is one that would not be right afterwards.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError

from procy.errors import ConfigError
from procy.places import Places
from procy.settings import Settings, read_settings
from procy.settings.upstreams import NAME

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Edit = Callable[[TOMLDocument], None]


def change_settings(places: Places, edit: Edit) -> Settings:
    """Apply ``edit`` to the settings file, made where there is none. Raises ConfigError; then the file is as it was."""
    path = os.path.realpath(places.config)
    before = read_text(path)
    document = parsed(before, path)
    edit(document)
    return write_settings(path, before, tomlkit.dumps(document))


def write_settings(path: str, before: str, after: str) -> Settings:
    """Replace the file as a whole, if it is still what it was and will be right."""
    try:
        settings = read_settings(tomllib.loads(after), path)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the change would break {path}: {error}", "Change it in an editor") from error
    if read_text(path) != before:
        raise ConfigError(f"{path} was changed meanwhile", "Try again")
    if after == before:
        return settings
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as out:
            os.fchmod(out.fileno(), mode)
            out.write(after)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", "Make room, or make it writable") from error
    return settings


def section_text(places: Places, name: str) -> str:
    """A table of the settings file as it is written there, such as ``gateway``; "" where there is none. Raises ConfigError."""
    return text_of(parsed(read_text(os.path.realpath(places.config)), places.config), name)


def text_of(document: TOMLDocument, name: str) -> str:
    if name not in document:
        return ""
    only = tomlkit.document()
    only[name] = document[name]
    return tomlkit.dumps(only).strip() + "\n"


def put_section(places: Places, name: str, before: str, text: str) -> Settings:
    """Replace a whole table by what a person wrote, comments included. ``before``: what that person began with.

    Raises ConfigError; then the file is as it was.
    """
    path = os.path.realpath(places.config)
    old = read_text(path)
    document, new = parsed(old, path), parsed(text, f"what is to be [{name}]")
    if text_of(document, name).split() != before.split():
        raise ConfigError(f"[{name}] of {path} was changed meanwhile", "Load the page again; keep a copy of what you wrote")
    if others := [key for key in new if key != name]:
        raise ConfigError(f"{others[0]} does not belong to [{name}]", f"Write only what begins with [{name}]")
    wanted = tomllib.loads(old)
    if name in new:
        document[name] = new[name]
        wanted[name] = tomllib.loads(text)[name]
    elif name in document:
        del document[name]
        del wanted[name]
    after = tomlkit.dumps(document)
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(after) == wanted:
            return write_settings(path, old, after)
    raise ConfigError(f"[{name}] stands in several places of {path}", "Change it in an editor")


def parsed(text: str, path: str) -> TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"{path} is not valid TOML, so nothing is changed: {error}", "Correct that line") from error


def read_text(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML, so it is not changed: it is not UTF-8", "Save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "Make it readable or remove it") from error


def upstream_of(document: TOMLDocument, name: str) -> MutableMapping[str, Any]:
    """Raises ConfigError where there is none of that name."""
    tables = document.get("upstreams", {})
    if name not in tables:
        known = ", ".join(tables) or "none yet"
        raise ConfigError(f"there is no upstream {name!r}", f"There are: {known}. Add one: procy gateway add")
    found: MutableMapping[str, Any] = tables[name]
    return found


def use(document: TOMLDocument, name: str) -> str:
    """Make it the active one of its service. Returns the name of the one that was: without a mark that is the first."""
    service = upstream_of(document, name).get("service")
    others = {other: table for other, table in document["upstreams"].items() if table.get("service") == service}
    marked = [other for other, table in others.items() if table.get("active")]
    for other in marked:
        if other != name:
            del others[other]["active"]
    if name not in marked:
        others[name]["active"] = True
    return str(marked[0] if marked else next(iter(others)))


def add(document: TOMLDocument, name: str, values: Mapping[str, Any]) -> None:
    if name in document.get("upstreams", {}):
        raise ConfigError(f"there is an upstream {name!r} already", "Change it with: procy gateway set, or take another name")
    if "upstreams" not in document:
        document["upstreams"] = tomlkit.table(is_super_table=True)
    table = tomlkit.table()
    for key, value in values.items():
        table[key] = inline(value)
    document["upstreams"][name] = table


def inline(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    found = tomlkit.inline_table()
    found.update(value)
    return found


def set_value(document: TOMLDocument, name: str, key: str, text: str) -> None:
    """``key`` may be a dotted path; ``text`` is a value of TOML, else a string. An empty text takes the key out."""
    *outer, last = key.split(".")
    table: Any = upstream_of(document, name)
    for one in outer:
        table = table.setdefault(one, tomlkit.inline_table()) if text else table.get(one, {})
    if text:
        table[last] = value_of(text)
    elif last in table:
        del table[last]


def value_of(text: str) -> Any:
    """``3``, ``true``, ``["a"]``, ``{env = "A"}`` as TOML has them; anything else is a string."""
    with suppress(TOMLKitError, ValueError):
        return tomlkit.value(text)
    return text


def rename(places: Places, old: str, new: str) -> Settings:
    """With everything that names it: routes and filters."""
    path = os.path.realpath(places.config)
    before = read_text(path)

    def refer(document: TOMLDocument) -> None:
        for rule in rules(document, "routes"):
            to = rule.get("to_upstream")
            if rule.get("upstream") == old:
                rule["upstream"] = new
            if to == old:
                rule["to_upstream"] = new
            elif isinstance(to, list):
                replace_in(to, old, new)
        for rule in rules(document, "filters"):
            replace_in(rule.get("upstreams", []), old, new)

    document = parsed(before, path)
    upstream_of(document, old)
    if not NAME.fullmatch(new):
        raise ConfigError(f"{new!r} is no name for an upstream", "Use letters, digits, '.', '_' and '-', 64 at most")
    if new in document["upstreams"]:
        raise ConfigError(f"there is an upstream {new!r} already", "Take another name")
    refer(document)
    return write_settings(path, before, with_name(tomlkit.dumps(document), old, new))


def with_name(text: str, old: str, new: str) -> str:
    """The text with the headings of a table renamed, where that means just this; else the table moved to the end."""
    wanted = tomllib.loads(text)
    wanted["upstreams"] = {(new if name == old else name): table for name, table in wanted["upstreams"].items()}
    heading = re.compile(r"^(\s*\[\s*upstreams\s*\.\s*)(?:\"%s\"|'%s'|%s)(\s*[.\]])" % ((re.escape(old),) * 3), re.MULTILINE)
    written = new if re.fullmatch(r"[\w-]+", new, re.ASCII) else f'"{new}"'
    renamed = heading.sub(lambda found: f"{found[1]}{written}{found[2]}", text)
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(renamed) == wanted:
            return renamed
    document = tomlkit.parse(text)
    document["upstreams"][new] = document["upstreams"].pop(old)
    return tomlkit.dumps(document)


def delete(document: TOMLDocument, name: str) -> list[str]:
    """With everything that names it. Returns in words what else went."""
    upstream_of(document, name)
    del document["upstreams"][name]
    gone = []
    for kind, keys in (("routes", ("to_upstream", "upstream")), ("filters", ("upstreams",))):
        found = rules(document, kind)
        about = [place for place, rule in enumerate(found) if names_only(rule, keys, name)]
        for place in reversed(about):
            del found[place]
        gone += [f"{kind[:-1]} {place + 1}" for place in about]
    return gone


def names_only(rule: MutableMapping[str, Any], keys: tuple[str, ...], name: str) -> bool:
    """Whether a rule is about nothing but this upstream. From a list of several it is taken out: a filter must not come to be
    for all because the one it was for is gone."""
    for key in keys:
        value = rule.get(key)
        if isinstance(value, list):
            had = name in value
            while name in value:
                value.remove(name)
            if had and not value:
                return True
        elif value == name:
            return True
    return False


def rules(document: TOMLDocument, kind: str) -> Any:
    return document.get("gateway", {}).get(kind, [])


def replace_in(names: Any, old: str, new: str) -> None:
    for place, name in enumerate(names):
        if name == old:
            names[place] = new
