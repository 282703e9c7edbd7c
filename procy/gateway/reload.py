"""The settings as they are now. A file that changed is read again; one that is wrong leaves the last good ones in force."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from procy.errors import ConfigError
from procy.gateway.filters import Filters, compile_filters
from procy.places import Places
from procy.settings import Settings, load_settings
from procy.settings.upstreams import UpstreamSettings

log = logging.getLogger("procy.gateway")

Signature = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """``error``: why the file as it stands is not in force, "" where it is."""

    settings: Settings = field(default_factory=Settings)
    filters: Filters = field(default_factory=Filters)
    error: str = ""

    def of(self, service: str) -> list[UpstreamSettings]:
        return [one for one in self.settings.upstreams.values() if one.service == service]

    def named(self, names: Sequence[str]) -> list[UpstreamSettings]:
        return [self.settings.upstreams[name] for name in names if name in self.settings.upstreams]


def loaded_of(settings: Settings) -> Loaded:
    return Loaded(settings, compile_filters(settings.gateway.filters))


class Config:
    """Every call looks at the file: what was switched a moment ago is in force, and a look takes two microseconds."""

    def __init__(self, places: Places) -> None:
        """Raises ConfigError: there is no last good one yet."""
        self._places = places
        self._signature = signature(places.config)
        self._loaded = loaded_of(load_settings(places))

    def current(self) -> Loaded:
        if (found := signature(self._places.config)) != self._signature:
            self._signature = found
            self._loaded = self._read(found)
        return self._loaded

    def _read(self, found: Signature) -> Loaded:
        try:
            if found is None or not found[1]:  # an editor that has not written it yet
                raise ConfigError(
                    f"{self._places.config} is {'empty' if found else 'gone'}", "Write it again, or restart the gateway"
                )
            loaded = loaded_of(load_settings(self._places))
        except ConfigError as error:
            log.error("the settings before stay in force: %s", error)
            return Loaded(self._loaded.settings, self._loaded.filters, str(error))
        log.info("the settings were read again")
        for broken in loaded.filters.broken:
            log.error("filter %d is broken: %s", broken.number, broken.reason)
        return loaded


def signature(path: str) -> Signature:
    """Changes with every writing of a file. None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
