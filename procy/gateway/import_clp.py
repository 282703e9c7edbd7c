"""Taking over what CLP (seed 002) has in its directory: settings, keys, the state of upstreams, calls and sums."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit import TOMLDocument

from procy.errors import ConfigError
from procy.gateway import edit
from procy.gateway.balance import Pool
from procy.gateway.clp import SERVICES, Imported, as_dict, convert
from procy.gateway.clp_calls import put_calls, put_sums
from procy.gateway.rows import Rows
from procy.gateway.state import State, StateFile
from procy.places import Places, make_home
from procy.settings import load_settings
from procy.store.db import open_writer
from procy.store.write import transaction

FILES = (*(f"{service}.json" for service in SERVICES), "filter.json")
DATA = ("model_router_config.json", "lb_config.json", "system.json")
LOGS = ("proxy_requests.jsonl", "traffic_statistics.jsonl")  # the newer name, and the older


@dataclass
class Report:
    upstreams: list[str] = field(default_factory=list)
    routes: int = 0
    filters: int = 0
    redactions: int = 0
    models: int = 0
    calls: int = 0
    sums: int = 0
    notes: list[str] = field(default_factory=list)


def import_clp(directory: str, places: Places, redact: bool = False) -> Report:
    """``redact``: its filters become redaction rules too.

    Raises ConfigError where there is nothing of CLP's, or something that is no JSON; then nothing was changed.
    """
    root = Path(directory).expanduser()
    files = {path.name: value for path in (*(root / name for name in FILES), *(root / "data" / name for name in DATA))
             if (value := read_json(path)) is not None}  # fmt: skip
    history = as_dict(read_json(root / "data" / "history_usage.json"))
    logs = [path for name in LOGS if (path := root / "data" / name).exists()]
    if not files and not history and not logs:
        raise ConfigError(f"{root} has nothing of CLP's", "Name its directory: procy gateway import-clp DIR")
    settings = load_settings(places)
    here = {(one.service, one.base_url): one.name for one in settings.upstreams.values()}
    found = convert(files, settings.upstreams)
    forget_known(found, here)
    report = Report(notes=found.notes)
    write_keys(found, places)
    edit.change_settings(places, lambda document: put_settings(document, found, report))
    if redact:
        report.redactions = take_filters(places)
    put_disabled(found, places)
    put_history(root, places, logs, history, found, report)
    return report


def forget_known(found: Imported, here: dict[tuple[str, str], str]) -> None:
    """What is at the same address here already, as after an earlier import, stays as it is here."""
    for (service, name), ours in list(found.names.items()):
        values = found.upstreams[ours]
        if known := here.get((values["service"], values["base_url"])):
            del found.upstreams[ours]
            found.keys.pop(ours, None)
            found.names[service, name] = known
            found.notes.append(f"{name} is here already as {known} and stays as it is")
            for route in found.gateway.get("routes", []):
                for key in ("upstream", "to_upstream"):
                    route[key] = known if route.get(key) == ours else route.get(key)
                    if route[key] is None:
                        del route[key]


def read_json(path: Path) -> Any:
    """None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}", "Correct it, or move it away to import the rest") from error


def write_keys(found: Imported, places: Places) -> None:
    """Each into a file that only its owner may read; the settings name the file."""
    make_home(places)
    folder = Path(places.home) / "keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, key in found.keys.items():
        path = folder / name
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(key + "\n")
        found.upstreams[name]["key"] = {"file": str(path)}


def put_settings(document: TOMLDocument, found: Imported, report: Report) -> None:
    for name, values in found.upstreams.items():
        marked = any(
            table.get("active")
            for table in as_dict(document.get("upstreams")).values()
            if table.get("service") == values["service"]
        )
        edit.add(document, name, {key: value for key, value in values.items() if key != "active" or not marked})
        report.upstreams.append(name)
    if not found.gateway:
        return
    if "gateway" not in document:
        document["gateway"] = tomlkit.table()
    gateway: Any = document["gateway"]
    for key, value in found.gateway.items():
        if key in ("routes", "filters"):
            setattr(report, key, put_rules(gateway, key, value))
        elif key == "models":
            report.models = put_models(gateway, value)
        elif key not in gateway:
            gateway[key] = value
        elif gateway[key] != value:
            report.notes.append(f"{key} is set here already and stays as it is; CLP has {value}")


def take_filters(places: Places) -> int:
    """Make redaction rules of the gateway's filters, behind those that are there. Returns how many are new."""
    filters = load_settings(places).gateway.filters
    rules = [{"find": one.find, "regex": True} if one.regex else {"find": one.find} for one in filters]
    added = 0

    def put(document: TOMLDocument) -> None:
        nonlocal added
        if "redact" not in document:
            document["redact"] = tomlkit.table()
        added = put_rules(document["redact"], "rules", list({str(rule): rule for rule in rules}.values()))

    if rules:
        edit.change_settings(places, put)
    return added


def put_rules(gateway: Any, key: str, rules: list[dict[str, Any]]) -> int:
    """Behind those that are there; one that is there already is not put again. Returns how many were."""
    there = gateway.get(key)
    if there is None:
        there = gateway[key] = tomlkit.array().multiline(True)
    known = [{name: value for name, value in dict(one).items() if name != "name" or key != "rules"} for one in there]
    new = [rule for rule in rules if rule not in known]
    for rule in new:
        there.append(edit.inline(rule))
    return len(new)


def put_models(gateway: Any, models: dict[str, dict[str, str]]) -> int:
    there = gateway.setdefault("models", tomlkit.table(is_super_table=True))
    new = [model for model in models if model not in there]
    for model in new:
        table = tomlkit.table()
        table.update(models[model])
        there[model] = table
    return len(new)


def put_disabled(found: Imported, places: Places) -> None:
    def with_days(state: State) -> State:
        pool = Pool(random.Random(), state.health)
        for name, day in found.disabled.items():
            pool.disable(name, day)
        return State(pool.health, state.switches)

    if found.disabled:
        StateFile(places).change(with_days)


def put_history(root: Path, places: Places, logs: list[Path], history: dict[str, Any], found: Imported, report: Report) -> None:
    if not logs and not history:
        return
    settings = load_settings(places)
    rows = Rows(settings, settings.raw)
    connection = open_writer(places.db)
    try:
        with transaction(connection):
            for log in logs:
                with open(log, encoding="utf-8", errors="replace") as file:
                    done, bad = put_calls(connection, rows, file, found.names)
                report.calls += done
                report.notes += [f"{bad} lines of {log.name} cannot be read"] if bad else []
            if history:
                at_ns = (root / "data" / "history_usage.json").stat().st_mtime_ns
                report.sums = put_sums(connection, history, at_ns, found.names)
    finally:
        connection.close()
