"""What ``procy serve`` has registered is the proxy model, unless the user names another one."""

from __future__ import annotations

import os
from dataclasses import replace

from procy.places import Places
from procy.settings import Settings
from procy.store import servings
from procy.store.db import open_reader
from procy.store.servings import Row


def with_served(places: Places, settings: Settings) -> Settings:
    """The settings with what is served, where ``[proxy_model] url`` names nothing. A key of the user's is not sent there."""
    row = None if settings.proxy_model.url else served(places)
    if row is None:
        return settings
    proxy = replace(settings.proxy_model, url=row["url"], model=row["name"], api_key="", api_key_env="")
    return replace(settings, proxy_model=proxy)


def served(places: Places) -> Row | None:
    if not os.path.exists(places.db):
        return None
    with open_reader(places.db) as connection:
        return servings.current(connection)


def told(places: Places, settings: Settings, url: str, model: str) -> str:
    """Which model will be asked, where something is served: in words, for a human. ``url`` and ``model``: of the options."""
    row = served(places)
    if row is None:
        return ""
    if url or settings.proxy_model.url:
        whose = "--proxy-url" if url else "[proxy_model] url of the settings"
        return f"prompts by the model at {whose}, not by {row['name']}, which is served"
    return f"prompts by {model or row['name']}, served by {row['engine']}"
