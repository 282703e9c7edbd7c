"""What somebody wants to be served, and what that means here: everything checked, nothing started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from procy.errors import HandleError, ServeError
from procy.learn.serve import environment, fit, there
from procy.learn.serve.adapter import Adapter, adapter_named
from procy.learn.serve.engines import ENGINES, Engine, Job
from procy.learn.serve.place import Place, place_named
from procy.places import Places
from procy.settings import Settings
from procy.store import servings
from procy.store.db import open_reader
from procy.store.servings import Row

FINGERPRINT_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """``adapter``: a handle; "" for the base alone. ``base``: "" for that of the adapter, else of what is served. ``engine`` "":
    as the settings say, else the first that is installed. ``port`` 0: a free one. ``force``: in spite of what is doubtful."""

    adapter: str = ""
    base: str = ""
    engine: str = ""
    where: str = "local"
    port: int = 0
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    tunnel: bool = True
    force: bool = False
    options: tuple[str, ...] = ()
    patience_s: float = 1800.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def wish_from(found: Mapping[str, Any]) -> Wish:
    return Wish(**{**found, "options": tuple(found["options"])})


def wish_of(row: Row) -> Wish:
    """For what a row of ``servings`` was, whatever "last" means by now."""
    handle = row["name"] if row["adapter_id"] else row["adapter_path"] or ""
    return replace(wish_from(row["arguments"]), adapter=handle, base=row["base"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A server that could be started. ``name``: that it is requested by; ``base_name``: that of its base. ``current``: what is
    served now. ``shares``: whether the server of that one can serve this too."""

    wish: Wish
    name: str
    base_name: str
    adapter: Adapter | None
    engine: Engine
    place: Place
    job: Job
    current: Row | None
    shares: bool


def draft(places: Places, settings: Settings, wish: Wish) -> Draft:
    """Raises ServeError, HandleError or HostError with what to do; nothing was started or stopped."""
    with open_reader(places.db) as connection:
        adapter = adapter_named(connection, wish.adapter) if wish.adapter else None
        current = servings.current(connection)
        base = base_meant(wish, adapter, current)
    place = place_named(wish.where, settings)
    engine, look = engine_there(places, settings, wish, place, base, own_port(wish, place, current))
    check_engine(engine, place, wish)
    check_model(look, base)
    base_name = name_of(base)
    if adapter and adapter.name == base_name:
        raise ServeError(f"adapter and base are both called {base_name}", "Rename the adapter's folder, and serve it by that")
    job = Job(
        program=look["program"], name=base_name, model=look["model"], is_folder=look["is_folder"], folder="", port=look["port"],
        rank=adapter.rank if adapter else 0, tensor_parallel=wish.tensor_parallel, pipeline_parallel=wish.pipeline_parallel,
        options=(*settings.serve.options, *wish.options),
    )  # fmt: skip
    if adapter:
        check_fingerprint(place, adapter, look["model"], wish.force)
    shares = can_share(current, engine, place, job, wish)
    if not shares:
        check_room(engine, place, job, look, wish)
    return Draft(
        wish=wish, name=adapter.name if adapter else base_name, base_name=base_name, adapter=adapter, engine=engine, place=place,
        job=job, current=current, shares=shares,
    )  # fmt: skip


def check_engine(engine: Engine, place: Place, wish: Wish) -> None:
    if not engine.swaps and (wish.tensor_parallel, wish.pipeline_parallel) != (1, 1):
        raise ServeError(f"{engine.name} serves with one process", "Say --engine vllm")
    if not engine.swaps and place.name != "local":
        raise ServeError(f"{engine.name} is for this machine", "On a host say --engine vllm")


def check_room(engine: Engine, place: Place, job: Job, look: Mapping[str, Any], wish: Wish) -> None:
    """For a server of its own."""
    why = fit.fault(look["bytes"], look["memory"], look["gpus"], job, engine.name)
    if why and not wish.force:
        remedy = "Share it out: --tensor-parallel N, take a smaller or quantised base, or try all the same: --force"
        raise ServeError(f"{job.name} does not fit: {why}", remedy)
    if not job.port:
        asked = wish.port or f"{there.FIRST} to {there.LAST}"
        raise ServeError(f"port {asked} of {place.name} is taken", "Name another: --port N, or leave it out")


def base_meant(wish: Wish, adapter: Adapter | None, current: Row | None) -> str:
    if base := wish.base or (adapter.base if adapter else "") or (current["base"] if current else ""):
        return base
    raise HandleError("no base model is named", "Name its folder, or its name on a hub: procy serve base MODEL")


def engine_there(
    places: Places, settings: Settings, wish: Wish, place: Place, base: str, port: int
) -> tuple[Engine, Mapping[str, Any]]:
    """The engine, and what was seen there. Raises ServeError where it is not installed."""
    named = wish.engine or settings.serve.engine
    candidates = environment.pythons(places, settings)
    engines = [ENGINES[named]] if named else [ENGINES["vllm"], *([ENGINES["transformers"]] if place.name == "local" else [])]
    for engine in engines:
        look = place.do("look", engine=engine.name, candidates=candidates, port=port, model=base)
        if look["program"]:
            return engine, look
    raise ServeError(f"{' and '.join(one.name for one in engines)} not installed at {place.name}", engines[0].install)


def own_port(wish: Wish, place: Place, current: Row | None) -> int:
    """The port to look for; that of what is served now gets free first."""
    is_own = current is not None and current["place"] == place.name and current["server"].get("port") == wish.port
    return 0 if is_own else wish.port


def check_model(look: Mapping[str, Any], base: str) -> None:
    if look["is_path"] and not look["is_folder"]:
        raise ServeError(f"there is no model at {base}", "Name its folder: --base FOLDER")


def check_fingerprint(place: Place, adapter: Adapter, model: str, force: bool) -> None:
    """An adapter of another base loads without a word, and changes answers. Raises ServeError."""
    source = environment.program("fingerprint.py").read_text(encoding="utf-8")
    found = place.do("run", words=["python", "-c", source, model], timeout_s=FINGERPRINT_S)
    if found["code"]:
        if force:
            return
        why = (found["error"].strip().splitlines() or ["no word of why"])[-1].removeprefix("fingerprint: ")
        remedy = "Name the folder that has it: --base FOLDER; --force leaves it to the engine to fetch it, unchecked"
        raise ServeError(f"nobody knows whether {adapter.name} fits: {why}", remedy)
    sha256 = json.loads(found["out"])["sha256"]
    if sha256 != adapter.base_sha256:
        what = f"{model} is not the base that {adapter.name} was trained on ({sha256[:12]}, not {adapter.base_sha256[:12]})"
        raise ServeError(what, f"Name the right one: --base FOLDER; it was {adapter.base} then")


def can_share(current: Row | None, engine: Engine, place: Place, job: Job, wish: Wish) -> bool:
    """Whether the server that runs has the same base and room for the adapter."""
    if current is None or not engine.swaps or (current["engine"], current["place"]) != (engine.name, place.name):
        return False
    server = current["server"]
    same = all(
        server.get(name) == wanted
        for name, wanted in (
            ("model", job.model), ("options", list(job.options)), ("parallel", [job.tensor_parallel, job.pipeline_parallel])
        )
    )  # fmt: skip
    is_there = same and wish.port in (0, server["port"]) and server["max_rank"] >= job.rank
    return bool(is_there and place.do("alive", pid=server["pid"], start=server["start"])["alive"])


def name_of(base: str) -> str:
    """Of a folder its own name; of a hub's model the name as it is."""
    return Path(base).expanduser().name if base.startswith(("/", "~", ".")) or Path(base).is_dir() else base
