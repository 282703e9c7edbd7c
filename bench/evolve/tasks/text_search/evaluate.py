"""Text search: recall@10 against brute force, and what the search reads of its index, which is the same on every machine.

``baseline.py`` has ``build_index(documents) -> index`` and ``search(index, query, k=10) -> places of documents``. The index is
made of dictionaries, lists, texts and numbers. Queries differ by ``PROCY_SEED`` in the stage ``confirm``.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from counted import Meter, Table, entries, shares

K = 10
VISIBLE = 1  # the seed of the queries that everybody may see
DOCUMENTS, WORDS, QUERIES = 200, 400, 60


def corpus(documents: int = DOCUMENTS) -> list[str]:
    """Texts of some subjects; words are as common as in a language (Zipf)."""
    rng = Random("corpus")
    vocabulary = [f"w{number}" for number in range(WORDS)]
    rng.shuffle(vocabulary)
    weights = [1 / (rank + 3) for rank in range(WORDS)]
    subjects = [rng.sample(vocabulary[40:], 25) for _ in range(12)]
    texts = []
    for _ in range(documents):
        subject = rng.choice(subjects)
        common = rng.choices(vocabulary, weights, k=rng.randint(10, 24))
        texts.append(" ".join(rng.sample(common + rng.choices(subject, k=8), len(common) + 8)))
    return texts


def queries_of(documents: list[str], seed: int, count: int = QUERIES) -> list[str]:
    """Some words of a document each; every fourth was asked before."""
    rng = Random(f"queries {seed}")
    queries: list[str] = []
    for _ in range(count):
        if len(queries) > 4 and rng.random() < 0.25:
            queries.append(rng.choice(queries))
        else:
            words = rng.choice(documents).split()
            queries.append(" ".join(rng.sample(words, rng.randint(2, 5))))
    return queries


class Truth:
    """What brute force gives: the score of every document for a query."""

    def __init__(self, documents: list[str]) -> None:
        self.counts = [Counter(document.split()) for document in documents]
        self.roots = [math.sqrt(sum(counts.values())) for counts in self.counts]
        found = Counter(word for counts in self.counts for word in counts)
        self.rarity = {word: math.log(len(documents) / count) for word, count in found.items()}

    def scores(self, query: str) -> list[float]:
        words = set(query.split())
        return [
            sum(self.rarity.get(word, 0.0) * counts[word] for word in words) / root
            for counts, root in zip(self.counts, self.roots, strict=True)
        ]


def recall_of(places: list[int], scores: list[float]) -> float:
    """Part of the best ten that was found; documents of equal score are as good as each other."""
    wanted = sorted((score for score in scores if score > 0), reverse=True)[:K]
    given = {place for place in list(places)[:K] if isinstance(place, int) and 0 <= place < len(scores)}
    hits = sum(scores[place] >= wanted[-1] - 1e-9 for place in given) if wanted else 0
    return hits / len(wanted) if wanted else 1.0


def measure(program: ModuleType, again: ModuleType, documents: list[str], queries: list[str]) -> dict[str, Any]:
    """``again``: the program anew, so that nothing but the index gets from building to searching."""
    truth, meter = Truth(documents), Meter()
    began = time.perf_counter()
    index = program.build_index(list(documents))
    built = time.perf_counter() - began
    held = entries(index)
    counted = Table(meter, "", index)
    instances, seconds = {}, 0.0
    for number, query in enumerate(queries):
        before = meter.total
        began = time.perf_counter()
        places = again.search(counted, query, K)
        seconds += time.perf_counter() - began
        instances[f"q{number}"] = {"reads": meter.total - before, "recall_at_10": recall_of(places, truth.scores(query))}
    metrics = {
        "recall_at_10": round(statistics.fmean(one["recall_at_10"] for one in instances.values()), 4),
        "reads_per_query": round(meter.total / len(queries), 2),
        "entries_per_word": round(held / sum(len(document.split()) for document in documents), 3),
        "qps": round(len(queries) / max(seconds, 1e-9), 1),
        "build_s": round(built, 4),
    }
    return {"metrics": metrics, "instances": instances, "feedback": [advice(meter, truth, queries, instances)]}


def advice(meter: Meter, truth: Truth, queries: list[str], instances: dict[str, Any]) -> dict[str, Any]:
    """Where the reads go: what a profiler would say."""
    parts = shares(meter)
    worst = max(instances, key=lambda name: (instances[name]["reads"], name))
    least = min(instances, key=lambda name: (instances[name]["recall_at_10"], name))
    documents = len(truth.counts)
    commonest = min((word for query in queries for word in query.split()), key=lambda word: (truth.rarity[word], word))
    has = sum(commonest in counts for counts in truth.counts)
    return {
        "bottleneck": f"reads of {parts[0]} of all" if parts else "nothing is read",
        "critical path": [part.rsplit(" ", 2)[0] for part in parts],
        "repeated": f"{len(queries) - len(set(queries))} of {len(queries)} queries were asked before",
        "dearest query": f"{queries[int(worst[1:])]} ({instances[worst]['reads']} reads)",
        "commonest word": f"{commonest} (in {100 * has // documents} % of documents)",
        "lowest recall": f"{instances[least]['recall_at_10']:.2f} for {queries[int(least[1:])]}",
    }


def run(
    program: ModuleType, again: ModuleType, seed: int = VISIBLE, documents: int = DOCUMENTS, queries: int = QUERIES
) -> dict[str, Any]:
    texts = corpus(documents)
    return measure(program, again, texts, queries_of(texts, seed, queries))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, "baseline.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    seed = int(os.environ.get("PROCY_SEED") or VISIBLE) if os.environ.get("PROCY_STAGE") == "confirm" else VISIBLE
    try:
        result = {"schema": 1, "valid": True, **run(load("building"), load("searching"), seed)}
    except Exception as error:  # noqa: BLE001 whatever is wrong with it
        result = {"schema": 1, "valid": False, "metrics": {}, "feedback": [f"{type(error).__name__}: {error}"]}
    Path(os.environ["PROCY_OUT"]).write_text(json.dumps(result), encoding="utf-8")
    return 0 if result["valid"] else 10


if __name__ == "__main__":
    sys.exit(main())
