"""``python -m procy.gateway.scribe DESCRIPTOR``: writes a gateway's calls for as long as that lives. See ``apart``."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO, cast

from procy.capture.locks import wait_for_lock
from procy.gateway.apart import BROKEN, BUFFER, Answer, Task
from procy.gateway.entries import Pair, Unwritten
from procy.gateway.logfile import open_log
from procy.gateway.rows import Rows
from procy.gateway.writer import Writer
from procy.settings import Settings
from procy.settings.gateway import GatewaySettings


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the gateway's end is ours
    with socket.socket(fileno=int(sys.argv[1])) as end:
        file = cast("BinaryIO", end.makefile("rwb", buffering=BUFFER))
    os.chdir("/")
    gc.freeze()
    with suppress(*BROKEN):
        attend(file, pickle.load(file))


def attend(file: BinaryIO, task: Task) -> None:
    """Raises one of ``BROKEN`` once the gateway has gone."""
    open_log(task.log)
    settings = Settings(prices=task.prices, gateway=GatewaySettings(keep_bodies_days=task.keep_bodies_days))
    with wait_for_lock(task.lock):
        writer = Writer(task.path, Rows(settings, task.raw), task.ends_orphans)
        while True:
            batch = [pickle.load(file) for _ in range(pickle.load(file))]
            pickle.dump(answered(writer, batch), file, 5)
            file.flush()
            del batch


def answered(writer: Writer, batch: Sequence[Pair]) -> Answer:
    try:
        return Answer(writer.write(batch))
    except Unwritten as error:
        return Answer(0, str(error), error.for_ever)


if __name__ == "__main__":
    main()
