"""What ``procy doctor`` looks at on the hosts of the settings, where there are any."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from procy import __version__
from procy.cli.finding import Finding
from procy.errors import ProcyError
from procy.hosts.ssh import host_of
from procy.hosts.talk import ask
from procy.places import Places
from procy.settings import load_settings
from procy.settings.evolve import HostSettings


def check_hosts(places: Places) -> Iterator[Finding]:
    try:
        settings = load_settings(places)
    except ProcyError:  # said already
        return
    if settings.hosts:
        with ThreadPoolExecutor(len(settings.hosts)) as pool:
            for found in pool.map(lambda host: [*check_host(host, settings.agent)], settings.hosts.values()):
                yield from found


def check_host(host: HostSettings, agent: str) -> Iterator[Finding]:
    """``agent``: the configured one here."""
    program = next(iter(shlex.split(host.agent or agent)), "")
    try:
        found = ask(host_of(host), "hello", {"programs": [program] if program else []})
    except ProcyError as error:
        yield Finding("problem", error.what, error.remedy)
        return
    programs = found["programs"]
    for name in ("git", *(["tmux"] if host.lanes else [])):
        if not programs[name]:
            yield Finding("problem", f"host {host.name} has no {name}", f"apt install {name} there")
    if host.lanes and program and not programs[program]:
        remedy = f'Install it there, or name another: [hosts.{host.name}] agent = "…"'
        yield Finding("note", f"host {host.name} does not find {os.path.basename(program)}", remedy)
    if found["version"] != __version__:
        remedy = f"Install {__version__} there"
        yield Finding("note", f"host {host.name} has procy {found['version']}, and here it is {__version__}", remedy)
    words = f"procy {found['version']}, {found['cores']} cores, data in {found['home']}"
    attach = shlex.join(["ssh", "-t", *host.options, host.ssh, "tmux", "-L", found["tmux"], "attach"])
    yield Finding("ok", f"host {host.name}: {words}" + (f"; while lanes are there, {attach} shows them" if host.lanes else ""))
