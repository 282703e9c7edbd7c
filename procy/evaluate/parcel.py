"""A job on its way to another machine, and its sample on the way back: as JSON, and the pinned files as a tar."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from procy.errors import EvaluatorError
from procy.evaluate.contract import from_json
from procy.evaluate.job import Job
from procy.evaluate.pinned import is_whole, keep
from procy.evaluate.register import Evaluator
from procy.evaluate.run import Sample
from procy.git import Repo

PLAIN = ("commit", "stage", "seed", "base_commit", "try_id", "session_id", "run_id", "iteration")


def job_json(job: Job) -> dict[str, Any]:
    """All of a job but its repository. ``borrowed``: the links of the contract that lead somewhere here."""
    contract, root = job.evaluator.contract, job.evaluator.root
    return {
        **{name: getattr(job, name) for name in PLAIN},
        "files_changed": list(job.files_changed),
        "evaluator": evaluator_json(job.evaluator),
        "borrowed": [name for name in contract.links if (root / contract.cwd / name).exists()],
    }


def job_from(found: Mapping[str, Any], repo: Repo, evaluator: Evaluator) -> Job:
    values = {name: found[name] for name in PLAIN}
    return Job(evaluator=evaluator, repo=repo, files_changed=tuple(found["files_changed"]), **values)


def evaluator_json(one: Evaluator) -> dict[str, Any]:
    return {
        "id": one.id, "name": one.name, "contract": one.contract.as_json(), "root": str(one.root), "files": dict(one.files),
        "sha256": one.sha256,
    }  # fmt: skip


def evaluator_from(home: str, found: Mapping[str, Any], borrowed: bool) -> Evaluator:
    """The evaluator as it is kept below ``home``. Its work tree is another machine's: it counts only where files are ``borrowed``
    from it."""
    root = Path(found["root"]) if borrowed else Path(home) / "no-work-tree"
    pinned = Path(home) / "evaluators" / digest_of(found)
    return Evaluator(found["id"], found["name"], from_json(found["contract"]), root, pinned, found["files"], found["sha256"])


def digest_of(found: Mapping[str, Any]) -> str:
    """The name of its folder. Raises EvaluatorError where that is no hash."""
    digest = str(found["sha256"])
    if len(digest) != 64 or not digest.isalnum():
        raise EvaluatorError(f"{digest[:70]!r} is no hash of an evaluator")
    return digest


def pack(one: Evaluator) -> bytes:
    """Its pinned files."""
    one.check()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        for name in one.files:
            tar.add(one.pinned / name, arcname=name, recursive=False)
    return stream.getvalue()


def unpack(one: Evaluator, data: bytes) -> None:
    """Keep the files where ``one`` looks for them. Raises EvaluatorError where they are not those."""
    one.pinned.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".parcel-", dir=one.pinned.parent) as folder:
        found: dict[str, Path] = {}
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                for member in tar:
                    stream = tar.extractfile(member) if member.isfile() and member.name in one.files else None
                    if stream is not None:
                        found[member.name] = Path(folder) / sha256(member.name.encode("utf-8", "surrogateescape")).hexdigest()
                        found[member.name].write_bytes(stream.read())
                        os.chmod(found[member.name], 0o700 if member.mode & 0o100 else 0o600)
        except tarfile.TarError as error:
            raise EvaluatorError(f"the evaluator arrived broken ({error})", "Try again") from error
        try:
            keep(one.pinned, found, one.files)
        except EvaluatorError:
            if not is_kept(one):  # another job may have brought it meanwhile
                raise


def is_kept(one: Evaluator) -> bool:
    return one.pinned.exists() and is_whole(one.pinned, one.files)


def sample_json(sample: Sample) -> str:
    return json.dumps(asdict(sample))


def sample_from(text: str) -> Sample:
    found = json.loads(text)
    values = {one.name: found[one.name] for one in fields(Sample) if one.name in found}
    return Sample(**{**values, "feedback": tuple(found["feedback"])})
