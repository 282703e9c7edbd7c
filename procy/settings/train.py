"""The settings of training: ``[train]``."""

from __future__ import annotations

from dataclasses import dataclass

from procy.settings.evolve import beside
from procy.settings.read import read_table

MODEL = "Qwen/Qwen2.5-14B-Instruct"


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What ``procy train`` does where its options do not say otherwise. ``python``: an interpreter that has torch and the
    libraries; "": that of ``procy train setup``. ``where``: local, ssh:HOST or ray:ADDRESS."""

    model: str = MODEL
    where: str = "local"
    python: str = ""


def read_train(found: object, path: str) -> TrainSettings:
    values = read_table(found, dict.fromkeys(("model", "where", "python"), str), path, "train")
    if values.get("python"):
        values["python"] = beside(values["python"], path)
    return TrainSettings(**values)
