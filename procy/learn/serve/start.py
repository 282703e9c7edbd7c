"""Starting a server or giving a running one another adapter: waited for, asked the stored prompts, then registered."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from procy import ids
from procy.capture.locks import take_lock
from procy.errors import HostError, ProcyError, ServeError
from procy.learn.serve import canary, environment, there
from procy.learn.serve.adapter import Adapter
from procy.learn.serve.canary import Finding
from procy.learn.serve.client import Client
from procy.learn.serve.engines import Job, room_for
from procy.learn.serve.logs import last_line, why
from procy.learn.serve.stop import end_server
from procy.learn.serve.wish import Draft
from procy.places import Places, make_home
from procy.settings import Settings
from procy.store import servings
from procy.store.db import open_reader
from procy.store.servings import Row
from procy.store.write import written

SAMPLING = "generation_config.json"
TUNNELS = range(8100, 8200)  # ports here; others than those of engines, for the host may be this machine
POLL_S = 0.25
LOOK_S = 2.0  # between looks at the process and its log

Said = Callable[[str], None]


def serve(places: Places, settings: Settings, found: Draft, said: Said) -> Row:
    """The new row, ready. Raises ProcyError where it could not be: then what was served before is still, as far as it runs."""
    make_home(places)
    with one_at_a_time(places):
        clear_away(places, settings)
        now_ns = time.time_ns()
        serving_id = ids.new_id(now_ns, secrets.token_bytes(10))
        try:
            row = (swapped if found.shares else started)(places, settings, found, serving_id, said)
        except (ProcyError, KeyboardInterrupt) as error:
            with written(places.db) as connection:
                if servings.by_id(connection, serving_id):
                    servings.end(connection, serving_id, time.time_ns(), "failed", str(error) or "interrupted")
            raise
    return row


@contextmanager
def one_at_a_time(places: Places) -> Iterator[None]:
    lock = take_lock(os.path.join(places.home, "serve.lock"))
    if lock is None:
        raise ServeError("another procy serve is under way", "Wait for it: procy serve status; or end it: procy serve stop")
    with lock:
        yield


def clear_away(places: Places, settings: Settings) -> None:
    """What was starting when the procy that waited for it was killed: nobody else starts anything now."""
    with open_reader(places.db) as connection:
        rows, current = servings.starting(connection), servings.current(connection)
    for row in rows:
        if not (current and current["server"]["pid"] == row["server"]["pid"]):
            end_server(settings, row["server"], row["place"])
        with written(places.db) as connection:
            servings.end(connection, row["id"], time.time_ns(), "failed", "its start was cut off")


# -- a server of its own ------------------------------------------------------------------------------------------------


def started(places: Places, settings: Settings, found: Draft, serving_id: str, said: Said) -> Row:
    current = found.current
    gives_way = current and current["place"] == found.place.name and (found.engine.swaps or found.wish.port == port_of(current))
    if current and gives_way:  # a GPU has no room for two
        said(f"stopping {current['name']}")
        end_server(settings, current["server"], current["place"])
        with written(places.db) as connection:
            servings.end(connection, current["id"], time.time_ns(), "replaced", f"gave way to {found.name}")
    job, adapter_there = placed(places, settings, found, serving_id, said)
    with ExitStack() as undone:
        server = launched(found, job)
        undone.callback(end_server, settings, server, found.place.name)
        url = written_down(places, found, serving_id, server)
        client = Client(url)
        until_ready(found, server, client, said)
        if found.adapter and found.engine.swaps:
            said(f"loading {found.name}")
            client.load(found.name, adapter_there, in_place=False)
        row = made_ready(places, serving_id, checked(found, client, said))
        undone.pop_all()
    if current and not gives_way:
        try:
            end_server(settings, current["server"], current["place"])
        except HostError as error:  # the new one is ready all the same
            said(f"{current['name']} may run on at {current['place']}: {error}")
    return row


def launched(found: Draft, job: Job) -> Row:
    """The engine's process, and what must be the same for another adapter to be loaded into it."""
    if not job.port:
        raise ServeError(f"no port from {there.FIRST} to {there.LAST} is free", "Name one: --port N")
    variables = dict(found.engine.environment(job))
    process = found.place.do("start", words=found.engine.words(job), environment=variables, folder=job.folder, log="log")
    return {
        **process, "port": job.port, "model": found.job.model, "options": list(job.options), "max_rank": room_for(job.rank),
        "parallel": [job.tensor_parallel, job.pipeline_parallel], "tunnel": None,
    }  # fmt: skip


def written_down(places: Places, found: Draft, serving_id: str, server: Row) -> str:
    """Write it down, make a tunnel to it where it needs one, and return its address here."""
    is_through = found.place.name != "local" and found.wish.tunnel
    port = next(filter(there.port_for, TUNNELS), 0) if is_through else server["port"]
    url = f"http://127.0.0.1:{port}/v1"
    add(places, found, serving_id, server, url)
    if is_through:
        server["tunnel"] = tunnel(places, serving_id)
        with written(places.db) as connection:
            servings.change(connection, serving_id, {"server": server})
    return url


def port_of(row: Row) -> int:
    return int(row["server"].get("port") or 0)


def placed(places: Places, settings: Settings, found: Draft, serving_id: str, said: Said) -> tuple[Job, str]:
    """The job with its folder and port; and where the adapter is there. What the engine needs beside it is made."""
    folder = found.place.folder_for(serving_id, places.home)
    job = replace(found.job, folder=folder, port=found.wish.port or found.job.port)
    if found.engine.swaps:
        if found.adapter:
            said(f"bringing {found.name} to {found.place.name}")
            return job, found.place.brought(found.adapter.path, brought_name(found.adapter))
        return job, ""
    name = found.name
    model = job.model
    if found.adapter:
        model = merged(places, settings, found.adapter, job.model, said)
    if Path(model).is_dir():
        laid_out(Path(model).absolute(), Path(folder) / name)
        job = replace(job, name=name, is_folder=True)
    return job, ""


def laid_out(model: Path, folder: Path) -> None:
    """Links to a model's files, but for how it writes: ``transformers serve`` takes a temperature only where the model's own
    configuration samples, and else gives every time the same answer, without a word."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in model.iterdir():
        if path.name != SAMPLING:
            (folder / path.name).symlink_to(path)
    own = model / SAMPLING
    found = json.loads(own.read_text(encoding="utf-8")) if own.is_file() else {}
    (folder / SAMPLING).write_text(json.dumps({**found, "do_sample": True}), encoding="utf-8")


def brought_name(adapter: Adapter) -> str:
    """So that a retrained one of the same name does not lie among the files of the old."""
    return f"{adapter.name}-{adapter.weights_sha256[:12]}"


def merged(places: Places, settings: Settings, adapter: Adapter, base: str, said: Said) -> str:
    """The folder of base and adapter in one, made once."""
    output = Path(places.home) / "merged" / brought_name(adapter)
    if not (output / "config.json").is_file():
        said(f"merging {adapter.name} into its base")
        python = environment.trainer(places, settings)
        environment.run(python, "merge.py", "--model", base, "--adapter", str(adapter.path), "--output", str(output))
    return str(output)


def tunnel(places: Places, serving_id: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "procy.learn.serve.tunnel", serving_id]
    return there.start(words, places.environment, f"{places.home}/servings/{serving_id}", "tunnel.log")


def until_ready(found: Draft, server: Row, client: Client, said: Said) -> None:
    """Until it answers and offers its base. Raises ServeError where it ends, or takes too long."""
    began = looked = time.monotonic()
    said(f"{found.engine.name} is starting")
    while not (client.healthy() and is_its_own(found, server)):
        now = time.monotonic()
        if now - looked >= LOOK_S:
            looked = now
            log = found.place.do("tail", path=server["log"])["text"]
            if not found.place.do("alive", pid=server["pid"], start=server["start"])["alive"]:
                raise ServeError(f"{found.engine.name} ended: {why(log)}", f"Its log: {server['log']}")
            said(f"{found.engine.name}, {now - began:.0f} s: {last_line(log)}")
        if now - began > found.wish.patience_s:
            raise ServeError(f"{found.engine.name} is not ready after {now - began:.0f} s", f"Its log: {server['log']}")
        time.sleep(POLL_S)


def is_its_own(found: Draft, server: Row) -> bool:
    """Whether it is our engine that answers: another program may have taken the port meanwhile."""
    return bool(found.place.do("listens", pid=server["pid"], port=server["port"])["listens"])


# -- the same server ----------------------------------------------------------------------------------------------------


def swapped(places: Places, settings: Settings, found: Draft, serving_id: str, said: Said) -> Row:
    """Another adapter, or the base, on the server that runs; an earlier one that is refused is put back."""
    current = found.current
    assert current is not None
    client = Client(current["url"])
    add(places, found, serving_id, current["server"], current["url"])
    in_place = bool(found.adapter) and found.name in client.models()
    if found.adapter:
        said(f"loading {found.name}")
        client.load(found.name, found.place.brought(found.adapter.path, brought_name(found.adapter)), in_place)
    try:
        finding = checked(found, client, said)
    except (ProcyError, KeyboardInterrupt):
        if found.adapter:
            put_back(found, current, client)
        raise
    row = made_ready(places, serving_id, finding)
    if current["adapter_path"] and current["name"] != found.name:
        with suppress(ServeError):  # it takes room, and no more
            client.unload(current["name"])
    return row


def put_back(found: Draft, current: Row, client: Client) -> None:
    if current["adapter_path"] and current["name"] == found.name:
        from procy.learn.serve.adapter import adapter_in

        old = adapter_in(Path(current["adapter_path"]), current["name"])
        client.load(found.name, found.place.brought(old.path, brought_name(old)), in_place=True)
    else:
        client.unload(found.name)


# -- both ---------------------------------------------------------------------------------------------------------------


def checked(found: Draft, client: Client, said: Said) -> Finding | None:
    """Ask the stored prompts. Raises ServeError where it is not the adapter that answers."""
    if found.adapter is None:
        client.answer(found.name, [{"role": "user", "content": "Hello"}], 1)  # so that it is known to answer at all
        return None
    said("asking the stored prompts")
    finding = canary.asked(found.adapter.canary, lambda probe: client.answer(found.name, probe.prompt, canary.TOKENS))
    if finding.fault and not found.wish.force:
        raise ServeError(f"{found.name} is not served: {finding.fault}", "Is it the base that it was trained on? Look: --force")
    return finding


def made_ready(places: Places, serving_id: str, finding: Finding | None) -> Row:
    with written(places.db) as connection:
        known = {"fault": finding.fault, "rows": list(finding.rows)} if finding else None
        servings.make_ready(connection, serving_id, time.time_ns(), known)
        row = servings.by_id(connection, serving_id)
    assert row is not None
    return row


def add(places: Places, found: Draft, serving_id: str, server: Row, url: str) -> None:
    values = {
        "name": found.name, "adapter_id": (found.adapter.id or None) if found.adapter else None,
        "adapter_path": str(found.adapter.path) if found.adapter else None, "base": found.job.model, "engine": found.engine.name,
        "place": found.place.name, "url": url, "server": server, "arguments": found.wish.as_json(),
        "previous_id": found.current["id"] if found.current else None,
    }  # fmt: skip
    with written(places.db) as connection:
        servings.add(connection, serving_id, time.time_ns(), values)
