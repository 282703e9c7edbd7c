"""What ``procy doctor`` looks at of the gateway, where there are upstreams for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from procy import __version__
from procy.cli.finding import Finding
from procy.cli.gateway import ask
from procy.errors import ProcyError
from procy.gateway import address
from procy.gateway.address import SERVICES, Running
from procy.gateway.filters import compile_filters
from procy.gateway.keys import find_key
from procy.places import Places
from procy.settings import Settings, load_settings

RESTART = "procy gateway restart"


def check_gateway(places: Places) -> Iterator[Finding]:
    """Whether it runs and how it does, ports that others have, and settings with which calls are refused."""
    found = address.running(places)
    if found is not None:
        yield from check_running(found, places)
    try:
        settings = load_settings(places)
    except ProcyError:  # said already
        return
    if found is None and not settings.upstreams:
        yield Finding("ok", "gateway: not in use, the settings name no upstream")
        return
    if found is None:
        taken = [*check_ports(settings)]
        yield from taken or [Finding("ok", "gateway: not running, its ports are free; procy gateway start starts it")]
    else:
        yield from check_followed(found, settings)
    yield from check_upstreams(settings)


def check_running(found: Running, places: Places) -> Iterator[Finding]:
    told = ask(found, "claude", seconds=2.0)
    recorder = told.get("recorder")
    if not isinstance(recorder, dict):
        yield Finding("problem", f"the gateway (process {found.pid}) does not answer: {told.get('status')}", RESTART)
        return
    ports = ", ".join(f"{service} on {port}" for service, port in found.ports.items())
    yield Finding("ok", f"gateway: process {found.pid}, {ports}")
    if found.version != __version__:
        yield Finding("note", f"the gateway is version {found.version}, this is {__version__}", RESTART)
    if recorder.get("error"):
        what = f"{recorder['waiting']} rows of the gateway wait to be recorded: {recorder['error']}"
        yield Finding(
            "problem", what, f"They are written as soon as the database takes them; see {address.path_of(places, 'log')}"
        )
    for name, words in (("lost", "calls were not recorded"), ("without_bodies", "calls were recorded without their bodies")):
        if recorder.get(name):
            remedy = f"See {address.path_of(places, 'log')}; {RESTART} begins to count anew"
            yield Finding("note", f"{recorder[name]} {words} since the gateway was started", remedy)


def check_ports(settings: Settings) -> Iterator[Finding]:
    """Of a gateway that does not run."""
    for service, port in ports_of(settings).items():
        try:
            address.listen(service, port).close()
        except ProcyError as error:
            yield Finding("problem", error.what, error.remedy)


def check_followed(found: Running, settings: Settings) -> Iterator[Finding]:
    """Ports are the one thing that a running gateway does not take from changed settings."""
    for service, port in ports_of(settings).items():
        if port and port != found.ports.get(service):
            what = f"the gateway serves {service} on port {found.ports.get(service)}, the settings say {port}"
            yield Finding("note", what, RESTART)


def check_upstreams(settings: Settings) -> Iterator[Finding]:
    """Keys of commands and keyrings are not asked for: they may ask a person."""
    upstreams = settings.upstreams.values()
    for service in SERVICES:
        of_service = [one for one in upstreams if one.service == service]
        if of_service and settings.gateway.balance[service] == "active" and not any(one.active for one in of_service):
            yield Finding("note", f"no upstream of {service} is active: its calls are refused", "procy gateway use NAME")
    for one in upstreams:
        if one.key and one.key.kind in ("env", "file"):
            try:
                find_key(one.key, os.environ)
            except ProcyError as error:
                yield Finding("note", f"upstream {one.name}: {error.what}", error.remedy)
    for broken in compile_filters(settings.gateway.filters).broken:
        refused = "calls pass unfiltered" if settings.gateway.fail_open else "calls are refused"
        yield Finding(
            "problem", f"filter {broken.number} is broken, {refused}: {broken.reason}", "Correct it in [gateway] filters"
        )


def ports_of(settings: Settings) -> dict[str, int]:
    gateway = settings.gateway
    return {"claude": gateway.claude_port, "codex": gateway.codex_port, "openai": gateway.openai_port}
