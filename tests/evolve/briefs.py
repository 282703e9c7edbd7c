"""A brief as the loop makes them in the middle of a run: try 1 was kept, 2 crashed, 3 broke a demand."""

from __future__ import annotations

from typing import Any

from procy.tries import Brief, CorrectionView, MetricView, Outcome

METRICS = (
    MetricView(name="qps", direction="maximize", unit="1/s", is_objective=True),
    MetricView(name="recall", direction="maximize", at_least=0.95),
    MetricView(name="memory", direction="minimize", unit="MB"),
)
START = Outcome(
    id="a", seq=0, parent_id=None, status="ok", decision="kept", score=100.0,
    metrics={"qps": 100.0, "recall": 0.97, "memory": 512.0},
)  # fmt: skip
FEEDBACK = (
    {
        "bottleneck": "score() in search.py",
        "critical_path": ["tokenise", "lookup", "score", "sort"],
        "deltas": {"qps": 0.5, "recall": -0.01},
        "profile": [{"function": "score", "share": 0.61}, {"function": "sort", "share": 0.2}],
    },
    "hidden queries are 20 % longer",
)
KEPT = Outcome(
    id="b", seq=1, parent_id="a", status="ok", decision="kept", score=150.0, gain=(50.0, 40.0, 60.0), feedback=FEEDBACK,
    metrics={"qps": 150.0, "recall": 0.96, "memory": 700.0}, prompt="Use an inverted index with bitmaps.", files=("search.py",),
)  # fmt: skip
CRASHED = Outcome(
    id="c", seq=2, parent_id="b", status="crash", decision="failed", score=None, prompt="Rewrite the scorer in numpy.",
    reason="IndexError: index 12 is out of bounds", feedback=("crashed at query 7",),
)  # fmt: skip
BROKEN = Outcome(
    id="d", seq=3, parent_id="b", status="ok", decision="reverted", score=None, prompt="Cache the scores of all queries.",
    metrics={"qps": 180.0, "recall": 0.91, "memory": 700.0}, reason="recall 0.91 is less than 0.95",
)  # fmt: skip
CORRECTION = CorrectionView(
    rejected="Make the index faster.", chosen="Make the index faster without more memory.", note="memory counts", gain=12.0
)
GOAL = "Make the text search as fast as possible while recall stays at least 0.95."


def brief(**changes: Any) -> Brief:
    given = {
        "goal": GOAL, "seq": 4, "total": 10, "metrics": METRICS, "evaluator": "bench (python bench.py)", "start": START,
        "parent": KEPT, "best": KEPT, "outcomes": (KEPT, CRASHED, BROKEN), "corrections": (CORRECTION,),
    }  # fmt: skip
    return Brief(**{**given, **changes})


def first_brief(**changes: Any) -> Brief:
    """Of the first try: nothing is over but the start."""
    return brief(seq=1, parent=START, best=START, outcomes=(), **changes)
