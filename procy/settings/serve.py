"""The settings of serving: ``[serve]``."""

from __future__ import annotations

from dataclasses import dataclass

from procy.settings.read import one_of, read_table, typed

ENGINES = ("vllm", "transformers")


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """``engine`` "": vllm where it is installed, else transformers. ``python``: of the environment that has it. ``options``:
    words for the engine, as it calls them."""

    engine: str = ""
    python: str = ""
    options: tuple[str, ...] = ()


def read_serve(found: object, path: str) -> ServeSettings:
    values = read_table(found, {"engine": str, "python": str, "options": list}, path, "serve")
    one_of(ENGINES, values, "engine", path, "serve")
    values["options"] = tuple(typed(word, str, path, "serve.options") for word in values.get("options", ()))
    return ServeSettings(**values)
