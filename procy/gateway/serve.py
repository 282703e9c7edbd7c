"""The gateway's process: sockets, recorder, server."""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import time
from typing import IO

from procy import __version__
from procy.gateway import address
from procy.gateway.address import HOST, SERVICES, Running
from procy.gateway.apart import Apart, Task
from procy.gateway.app import App, Plan
from procy.gateway.record import Recorder
from procy.gateway.steered import Steered
from procy.gateway.steering import Steering
from procy.gateway.tokens import read_tokens
from procy.places import Places
from procy.settings import Settings, load_settings

log = logging.getLogger("procy.gateway")

GRACE_S = 10  # for calls under way when the gateway is told to stop


def serve(places: Places, lock: IO[str]) -> None:
    """Serve until SIGINT or SIGTERM. Raises ConfigError for a port that is taken and settings that are wrong."""
    import uvicorn

    settings = load_settings(places)
    gateway = settings.gateway
    recorder = Recorder(Apart(task_of(places, settings)))
    recorder.start()
    ports = {"claude": gateway.claude_port, "codex": gateway.codex_port, "openai": gateway.openai_port}
    listeners = {service: address.listen(service, ports[service]) for service in SERVICES}
    found = {service: listener.getsockname()[1] for service, listener in listeners.items()}
    plan = Plan(
        services={port: service for service, port in found.items()},
        steering=make_steering(places),
        recorder=recorder,
        tokens=read_tokens(places),
        token_required=gateway.token == "required",
        connect_s=gateway.connect_timeout_s,
        idle_s=gateway.idle_timeout_s,
    )
    config = uvicorn.Config(
        App(plan), host=HOST, log_config=None, log_level="critical", access_log=False, lifespan="on", server_header=False,
        date_header=False, proxy_headers=False, timeout_keep_alive=75, timeout_graceful_shutdown=GRACE_S,
        ws_max_size=64 << 20, backlog=512, ws="websockets-sansio",
    )  # fmt: skip
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # calls leave no circles behind; looking for them took a tenth of the time
    server = uvicorn.Server(config)
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # uvicorn raises them again when it has ended, and rows wait then
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    address.announce(lock, Running(os.getpid(), found, __version__, time.time_ns()))
    log.info("serving %s", ", ".join(f"{service} on {port}" for service, port in found.items()))
    try:
        server.run(sockets=list(listeners.values()))
    finally:
        if left := recorder.stop():
            log.error("%d entries could not be written", left)
        log.info("ended")


def task_of(places: Places, settings: Settings) -> Task:
    return Task(
        path=places.db,
        lock=address.path_of(places, "recorder"),
        log=address.path_of(places, "log"),
        raw=settings.raw,
        prices=dict(settings.prices),
        keep_bodies_days=settings.gateway.keep_bodies_days,
    )


def make_steering(places: Places) -> Steering:
    """By the settings, as they are at each call."""
    return Steered(places, os.environ, random.SystemRandom())
