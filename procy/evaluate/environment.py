"""The variables that an evaluator is given. It inherits what the contract names and no more."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping
from pathlib import Path

from procy.evaluate import legacy
from procy.evaluate.checkout import Checkout
from procy.evaluate.contract import Stage
from procy.evaluate.job import Job
from procy.places import Places

ALWAYS = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ")


def environment_of(places: Places, job: Job, stage: Stage, tree: Checkout, cwd: Path) -> dict[str, str]:
    contract = job.evaluator.contract
    if contract.legacy:
        seed = legacy.variables(job.session_id, str(cwd), places.db, job.iteration, job.run_id, job.files_changed)
        return {**os.environ, **{name: value.replace("\0", "") for name, value in seed.items()}}
    return {
        "LANG": "C.UTF-8",
        **allowed(os.environ, (*ALWAYS, *contract.env)),
        **dict(name.split("=", 1) for name in contract.env if "=" in name),
        "TMPDIR": str(tree.tmp),
        "XDG_CACHE_HOME": str(tree.tmp / "cache"),
        "PROCY_OUT": str(tree.result),
        "PROCY_STAGE": job.stage,
        "PROCY_SEED": str(job.seed or 0),
        "PROCY_TRY": job.try_id,
        "PROCY_TMP": str(tree.tmp),
    }


def allowed(environment: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Those variables that a name or a glob means."""
    return {name: value for name, value in environment.items() if any(fnmatch.fnmatchcase(name, form) for form in names)}
