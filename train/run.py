"""Carry out one training in its folder: ``python run.py start|work|look|cancel FOLDER``. Standard library only.

FOLDER has ``run.json`` (``stages``: a script of this folder with its arguments each; ``world``: processes; ``python``;
``docker``: an image, or ""; ``accelerate``: a configuration, or ""; ``share``: a folder that gets the adapter too, or "";
``environment``; what else there is is for procy), and gets ``log``, ``progress.jsonl``, ``pid`` and in the end ``exit.json``
(``code``). Relative paths are meant from FOLDER. What is told travels as JSON; no shell reads it.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PIECE = 1 << 20  # bytes that one look brings at most
GRACE_S = 20.0  # from the wish to end until the end
RESERVE, ROOM = ".reserve", 1 << 14  # bytes that are there for exit.json also when the disk is full
COPIES = ("progress.jsonl", "log")
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)  # of a process, of a container
KILLED_WORDS = (
    "run: the trainer was killed, as systems do when memory runs out. Use --batch-size 1, a shorter --max-length "
    "or --qlora; or make room, then: procy train resume"
)


def start(folder: Path) -> dict[str, object]:
    """Go on without whoever started it. Does nothing where it is at work already."""
    if alive(folder):
        return look(folder, {})
    for name in ("exit.json", "cancelled"):
        (folder / name).unlink(missing_ok=True)
    with open(folder / "log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "run.py"), "work", str(folder)], cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    write(folder / "pid", f"{process.pid} {started(process.pid)}")
    return {"pid": process.pid}


def work(folder: Path) -> int:
    """All stages, one after the other; returns an exit status."""
    order = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false", **order.get("environment", {})}
    code = 0
    try:
        write(folder / RESERVE, " " * ROOM)
        for number, stage in enumerate(order["stages"]):
            if (folder / stage[stage.index("--output") + 1] / "procy.json").exists():
                continue  # done before it was started again
            command = command_of(folder, order, stage, number)
            print("+", *command, flush=True)
            code = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
            if code in KILLED:
                print(KILLED_WORDS, flush=True)
            if code:
                break
    except OSError as error:
        print(f"run: {error}", flush=True)
        code = 127
    if not code and order.get("share"):
        shutil.copytree(folder / "adapter", Path(order["share"]) / "adapter", dirs_exist_ok=True)
    (folder / RESERVE).unlink(missing_ok=True)
    write(folder / "exit.json", json.dumps({"code": code, "at": time.time()}))
    return code


def command_of(folder: Path, order: dict[str, object], stage: list[str], number: int) -> list[str]:
    """The words of one stage's command."""
    script, *arguments = stage
    world, python = int(str(order.get("world", 1))), str(order.get("python") or sys.executable)
    image, launch = str(order.get("docker") or ""), str(order.get("accelerate") or "")
    scripts = "/train" if image else str(HERE)
    words = [python, f"{scripts}/{script}", *arguments, "--world", str(world), "--progress", str(folder / "progress.jsonl")]
    if launch:
        launcher = ["-m", "accelerate.commands.launch", "--config_file", f"{scripts}/accelerate/{launch}.yaml"]
        words = [python, *launcher, "--num_processes", str(world), *words[1:]]
    elif world > 1:
        words = [python, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world), *words[1:]]
    return in_container(folder, image, words, number) if image else words


def in_container(folder: Path, image: str, words: list[str], number: int) -> list[str]:
    """The same words in a container that sees the scripts, the folder, the model and the cache of models, by their own names."""
    cache = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    model = words[words.index("--model") + 1]
    seen = [f"{HERE}:/train:ro", f"{folder}:{folder}", *([f"{model}:{model}:ro"] if Path(model).is_dir() else [])]
    settings = ["--rm", "--init", "--name", f"procy-{folder.name.lower()}-{number}", "--gpus", "all", "--ipc", "host"]
    if cache.is_dir():
        seen.append(f"{cache}:{cache}")
        settings += ["-e", f"HF_HOME={cache}"]
    mounts = [word for one in seen for word in ("-v", one)]
    return ["docker", "run", *settings, *mounts, "-w", str(folder), image, *words]


def look(folder: Path, offsets: dict[str, int]) -> dict[str, object]:
    """How it is, and what is new in its files since so many bytes. ``state``: running, done, failed, lost or cancelled."""
    state = "running" if alive(folder) else ""  # before exit.json is read: it is written before the end
    told: dict[str, object] = {"files": {}}
    code = None
    if (folder / "exit.json").is_file():
        code = json.loads((folder / "exit.json").read_text())["code"]
        state = "done" if code == 0 else "failed"
    if (folder / "cancelled").exists() and state != "running":
        state = "cancelled"
    files = {}
    for name in COPIES:
        path, since = folder / name, int(offsets.get(name, 0))
        data = b""
        if path.is_file():
            with open(path, "rb") as file:
                file.seek(since)
                data = file.read(PIECE)
        files[name] = base64.b64encode(data).decode()
    return {**told, "state": state or "lost", "code": code, "files": files}


def cancel(folder: Path) -> dict[str, object]:
    """End it and all that it started, in time by force."""
    pid = alive(folder)
    write(folder / "cancelled", "")
    if not pid:
        return {"ended": False}
    order = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    for sign, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(pid, sign)
        except ProcessLookupError:
            break
        until = time.monotonic() + patience
        while group(pid) and time.monotonic() < until:
            time.sleep(0.05)
        if not group(pid):
            break
    if order.get("docker"):
        for number in range(len(order["stages"])):
            name = f"procy-{folder.name.lower()}-{number}"
            subprocess.run(["docker", "rm", "-f", name], check=False, capture_output=True)
    return {"ended": True}


def group(pid: int) -> bool:
    """Whether a process of the group is there; those that ended and nobody asked for do not count."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[2]) == pid and words[0] != "Z":
            return True
    if Path("/proc/self/stat").exists():
        return False
    try:
        os.killpg(pid, 0)
    except OSError:
        return False
    return True


def alive(folder: Path) -> int:
    """The process that carries it out; 0: none. Another one with its number is told by when it began."""
    try:
        pid, _, since = (folder / "pid").read_text().partition(" ")
    except OSError:
        return 0
    return int(pid) if since and started(int(pid)) == since else 0


def started(pid: int) -> str:
    """When a process began, in whatever words; "" for none."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if words[0] == "Z" else words[19]
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "_".join(done.stdout.split())


def write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def main() -> int:
    parser = argparse.ArgumentParser(description="Carry out one training in its folder.")
    parser.add_argument("verb", choices=["start", "work", "look", "cancel"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--offsets", default="{}", help="of look: JSON, name of a file → bytes that are known")
    given = parser.parse_args()
    folder = given.folder.absolute()
    if given.verb == "work":
        return work(folder)
    told = (
        {"start": start, "cancel": cancel}[given.verb](folder)
        if given.verb != "look"
        else look(folder, json.loads(given.offsets))
    )
    print(json.dumps({"procy": "run", **told}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
