"""Trials: a scene, faults at random instants, and the verdict."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.faults import clock, injections
from tests.faults.disk import Limit, small_disk
from tests.faults.injections import Fault
from tests.faults.scene import Scene
from tests.faults.verdict import Verdict, judge, problems_of

Trial = Callable[[Path, str], Verdict]
"""Where it may write, and its seed."""
DISK_MB = 256  # more than what doctor calls too little


def pane(root: Path, seed: str, faults: Sequence[Fault], seconds: float = 4.0) -> Verdict:
    """Those faults, spread over the seconds in which the pane's program prints."""
    return play(Scene(root, random.Random(seed)), faults, seconds)


def play(scene: Scene, faults: Sequence[Fault], seconds: float) -> Verdict:
    try:
        scene.begin(seconds)
        began = time.monotonic()
        waits = sorted(scene.chance.uniform(0.1, 0.9) * seconds for _ in faults)
        for fault, wait in zip(faults, waits, strict=True):
            time.sleep(max(0.0, began + wait - time.monotonic()))
            fault.do(scene)
        scene.finish()
        verdict = judge(scene, may_lose(faults), any(fault.ends for fault in faults))
    finally:
        scene.close()
    verdict.faults.update(fault.name for fault in faults)
    verdict.wrong += [f"doctor names no fix: {one}" for one in scene.unfixable]
    return verdict


def may_lose(faults: Sequence[Fault]) -> bool:
    """A tap without its loop goes on, and is the last one."""
    return any(fault.loses for fault in faults) or (injections.LOOP in faults and len(faults) > 1)


def full_disk(root: Path, seed: str, more: Sequence[Fault] = (), seconds: float = 4.0) -> Verdict:
    chance = random.Random(seed)
    with small_disk(root / "disk", DISK_MB) as small:
        disk = small or Limit()
        scene = Scene(root / "scene", chance, disk.place)
        filled = Fault(f"fill the disk ({disk.kind})", injections.fill_disk(disk), loses=True)
        verdict = play(scene, [*more, filled], seconds)
        told = sum(detail.get("bytes", 0) for _, detail in scene.gaps())
        if not more and told != verdict.bytes_lost:
            verdict.wrong.append(f"{verdict.bytes_lost} bytes are missing, {told} are told")
        return verdict


def jumping_clock(root: Path, seed: str, more: Sequence[Fault] = (), seconds: float = 4.0) -> Verdict:
    return play(clocked(root, seed), [injections.CLOCK, *more, injections.CLOCK], seconds)


def clocked(root: Path, seed: str) -> Scene:
    return Scene(root, random.Random(seed), environment=clock.environment(root))


def spoiled_database(root: Path, seed: str, seconds: float = 4.0) -> Verdict:
    """A page of the database changes under the sidecar. Doctor says so, and its fix is followed."""
    scene = Scene(root, random.Random(seed))
    try:
        scene.begin(seconds)
        time.sleep(scene.chance.uniform(0.4, 0.9) * seconds)
        injections.spoil_database(scene)
        wrong, name = follow_fix(scene)
        scene.finish()
        scene.lab.procy("rebuild", "--all")
        verdict = judge(scene, may_lose=False, cut_short=False)
    finally:
        scene.close()
    verdict.faults[name] += 1
    verdict.wrong += wrong
    return verdict


def follow_fix(scene: Scene) -> tuple[list[str], str]:
    """What is wrong after that, and what the page was."""
    damage = damage_of(scene)
    if not damage:
        return [], "spoil a page of the database: an unused one"
    name = "spoil a page of the database, repair it"
    if "procy doctor --repair" not in damage[0]["remedy"]:
        return [f"doctor names no fix: {damage}"], name
    done = scene.lab.procy("doctor", "--repair", "--json", check=False)
    helped = "rows could be read" in done.stderr and not damage_of(scene)
    return [] if helped else [f"the fix did not help: {damage_of(scene)} {done.stderr}"], name


def damage_of(scene: Scene) -> list[dict[str, Any]]:
    return [one for one in problems_of(scene.lab) if scene.lab.places.db in one["what"]]
