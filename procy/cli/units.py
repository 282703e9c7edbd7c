"""Amounts as people type them: ``90d``, ``5GB``."""

from __future__ import annotations

import re
import time
from datetime import datetime

import click

from procy.store.db import iso

SECONDS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


class Amount(click.ParamType):  # type: ignore[type-arg]  # no generic before click 8.4
    """A number with a unit; the value is an integer in the smallest one."""

    def __init__(self, name: str, units: dict[str, int], example: str) -> None:
        self.name, self.units, self.example = name, units, example

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", str(value).strip())
        factors = {name.lower(): factor for name, factor in self.units.items()}
        if not match or match[2].lower() not in factors:
            self.fail(
                f"{value!r} is no {self.name}: a number with one of {', '.join(self.units)}, as in {self.example}", param, ctx
            )
        return round(float(match[1]) * factors[match[2].lower()])


DURATION = Amount("duration", SECONDS, "90d")
SIZE = Amount("size", BYTES, "5GB")


class Moment(click.ParamType):  # type: ignore[type-arg]
    """A date, or how long ago; the value is a UTC time in the form of the database."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        try:
            at = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone()
            return iso(int(at.timestamp() * 1000) * 1_000_000)
        except (ValueError, OverflowError):
            pass
        try:
            return iso(time.time_ns() - DURATION.convert(text, param, ctx) * 1_000_000_000)
        except (click.BadParameter, ValueError, OverflowError):
            self.fail(f"{text!r} is neither a date, as 2026-11-20 or 2026-11-20T08:00, nor an age, as 7d", param, ctx)


MOMENT = Moment()
