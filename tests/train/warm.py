"""Scripts of ``train/`` in processes that are forked from one which has imported torch and its libraries already.

``python warm.py SCRIPTS`` reads orders, a line of JSON each (``number``, ``argv``, ``out``, ``err``), and says ``number`` and
``code`` when one has ended. Importing costs nine seconds of a processor, more than most of these lessons do.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
from contextlib import suppress
from typing import Any

TRAINERS = ("sft", "dpo", "kto")
LIBRARIES = ("torch", "datasets", "peft", "common", *(f"trl.trainer.{name}_trainer" for name in TRAINERS))


def main(scripts: str) -> None:
    sys.path.insert(0, scripts)
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        if not os.fork():
            mind(json.loads(line))
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def mind(order: dict[str, Any]) -> None:
    """Have it done by a child, and say how it ended."""
    pid = os.fork()
    if not pid:
        os._exit(carry_out(order))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(1, (json.dumps({"number": order["number"], "code": code}) + "\n").encode())
    os._exit(0)


def carry_out(order: dict[str, Any]) -> int:
    """As if it had been started by itself; its exit status. What it raises ends this process as it would end that one."""
    for place, name in ((1, "out"), (2, "err")):
        file = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, place)
    sys.argv = order["argv"]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code: object = 0
    except SystemExit as error:
        code = error.code
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    main(sys.argv[1])
