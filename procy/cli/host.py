"""``procy host``, which no human types: what procy on another machine asks this one to do. See ``procy.hosts.talk``."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import click

from procy import __version__
from procy.hosts.talk import Caller, serve
from procy.places import Places, find_places


def hello(places: Places, caller: Caller) -> dict[str, Any]:
    """What is here: of programs their paths, "" for those that are not."""
    from procy.evolve.guest_lane import tmux_socket

    programs = [*caller.request.get("programs", ()), "git", "tmux"]
    return {
        "version": __version__,
        "home": places.home,
        "cores": os.cpu_count(),
        "machine": platform.node(),
        "tmux": os.path.basename(tmux_socket(places.home)),
        "programs": {name: shutil.which(name) or "" for name in programs},
    }


def job(places: Places, caller: Caller) -> dict[str, Any]:
    from procy.evaluate.guest import measure_for

    return measure_for(places, caller)


def lane(places: Places, caller: Caller) -> dict[str, Any]:
    from procy.evolve.guest_lane import serve_lane

    return serve_lane(places, caller)


VERBS: Mapping[str, Callable[[Places, Caller], dict[str, Any]]] = {"hello": hello, "job": job, "lane": lane}


@click.command("host")
@click.argument("verb", type=click.Choice(list(VERBS)))
def host_command(verb: str) -> int:
    """Answer procy on another machine, over ssh."""

    def handle(caller: Caller) -> dict[str, Any]:
        return VERBS[verb](places_for(caller), caller)

    return serve(handle)


def places_for(caller: Caller) -> Places:
    """Those that the request names, else our own."""
    folder = os.path.expanduser(caller.request.get("home") or "")
    return find_places(os.path.join(folder, "procy.db") if folder else None)
