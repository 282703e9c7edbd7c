"""Which try came from which: a run's tries as a tree from left to right. The way to the best is the first row. Pure.

Of a long run the newest are shown, and all that leads to the best; what is left out is counted where it would stand.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from procy.ui.runs import kind_of

ROOM = 120  # tries shown, unless all are wanted
LEAVES = 6  # of one parent that were not kept and that nothing came from
BEFORE, BEHIND = 2, 16  # of a long way to the best: so many at its beginning and at its end
COLUMN, ROW, EDGE = 50, 29, 22  # pixels
GROWS = 3  # rows at once, so that the page below moves seldom


@dataclass(slots=True)
class Node:
    """A try, or ``folded`` ones that would stand here. ``kind``: start, kept, reverted, failed, open, folded."""

    id: str
    seq: int
    kind: str
    is_best: bool = False
    on_way: bool = False
    folded: int = 0
    children: list[Node] = field(default_factory=list)
    column: int = 0
    row: int = 0

    @property
    def x(self) -> int:
        return self.column * COLUMN + EDGE

    @property
    def y(self) -> int:
        return self.row * ROW + EDGE

    @property
    def edges(self) -> Iterator[tuple[Node, str]]:
        """Each child with the way to it: along the row, or down between the columns."""
        for child in self.children:
            middle = self.x + COLUMN // 2
            bend = f"H{middle}V{child.y}" if child.row != self.row else ""
            yield child, f"M{self.x} {self.y}{bend}H{child.x}"


@dataclass(frozen=True, slots=True)
class Tree:
    """``nodes``: parents before their children. ``left_out``: how many tries are not shown one by one."""

    nodes: tuple[Node, ...]
    width: int
    height: int
    left_out: int


def tree_of(rows: Sequence[sqlite3.Row], best_id: str | None, whole: bool = False) -> Tree | None:
    """None where nothing came from the start yet. ``rows``: as ``run_pages.tries_in_short`` gives them."""
    if len(rows) < 2:
        return None
    parents = parents_of(rows)
    kept = [row["id"] for row in rows if row["decision"] == "kept"]
    way = way_to(best_id or (kept or [None])[-1], parents)
    shown = {row["id"] for row in rows} if whole else chosen(rows, parents, way)
    root = grown(rows, parents, shown, way, best_id)
    place(root)
    nodes = tuple(walk(root))
    width = max(node.x for node in nodes) + EDGE
    deepest = -(-(max(node.row for node in nodes) + 1) // GROWS) * GROWS
    return Tree(nodes, width, (deepest - 1) * ROW + 2 * EDGE, len(rows) - len(shown))


def parents_of(rows: Sequence[sqlite3.Row]) -> dict[str, str | None]:
    """By id; what has no parent that is known, or a later one, hangs on the start."""
    seqs = {row["id"]: row["seq"] for row in rows}
    start = rows[0]["id"]
    found: dict[str, str | None] = {}
    for row in rows:
        parent = row["parent_id"]
        known = parent in seqs and seqs[parent] < row["seq"]
        found[row["id"]] = parent if known else None if row["id"] == start else start
    return found


def way_to(best_id: str | None, parents: Mapping[str, str | None]) -> list[str]:
    """From the start to the best."""
    way: list[str] = []
    at = best_id if best_id in parents else None
    while at is not None:
        way.append(at)
        at = parents[at]
    return way[::-1]


def chosen(rows: Sequence[sqlite3.Row], parents: Mapping[str, str | None], way: Sequence[str]) -> set[str]:
    """Which tries are shown."""
    hidden = set(way[BEFORE:-BEHIND]) if len(way) > BEFORE + BEHIND else set()
    shown = {rows[0]["id"], *(one for one in way if one not in hidden)}
    has_children = set(parents.values())
    leaves: defaultdict[str | None, int] = defaultdict(int)
    for row in reversed(rows):
        missing, at = [], row["id"]
        while at not in shown and at not in hidden and at is not None:
            missing.append(at)
            at = parents[at]
        is_leaf = row["id"] not in has_children and kind_of(row) in ("reverted", "failed")
        full = is_leaf and leaves[parents[row["id"]]] >= LEAVES
        if at in hidden or full or len(shown) + len(missing) > ROOM:
            continue
        leaves[parents[row["id"]]] += is_leaf
        shown.update(missing)
    return shown


def grown(
    rows: Sequence[sqlite3.Row], parents: Mapping[str, str | None], shown: set[str], way: Sequence[str], best_id: str | None
) -> Node:
    """The nodes, joined; what is not shown is counted in one node behind the last shown try that leads to it."""
    nodes: dict[str, Node] = {}
    folds: dict[str, Node] = {}
    for row in rows:
        at = row["id"]
        kind = "start" if row["seq"] == 0 else kind_of(row)
        node = Node(at, row["seq"], kind, at == best_id and row["seq"] > 0, at in way)
        parent = parents[at]
        if at in shown:
            nodes[at] = node
            if parent is not None:
                (nodes[parent] if parent in shown else folds[parent]).children.append(node)
            continue
        host = parent or ""  # never the start: that is always shown
        if host in shown:
            if host not in folds:
                folds[host] = Node(at, row["seq"], "folded")
                nodes[host].children.append(folds[host])
            folds[at] = folds[host]
        else:
            folds[at] = folds[host]
        folds[at].folded += 1
        folds[at].on_way |= at in way
    return nodes[rows[0]["id"]]


def place(root: Node) -> None:
    """Give every node its row: the first of its children stays on its own, others go where its columns are free below."""
    free: defaultdict[int, int] = defaultdict(int)
    depth_of: dict[int, int] = {}
    for node in reversed(list(walk(root))):
        depth_of[id(node)] = 1 + max((depth_of[id(child)] for child in node.children), default=0)
    waiting = [(root, 0, 0)]
    while waiting:
        node, column, least = waiting.pop()
        reach = depth_of[id(node)]
        taken = max(free[column + step] for step in range(reach))
        node.column, node.row = column, max(least, taken)
        free[column] = node.row + 1
        # The first leads on furthest. Of the others those that lead on come last: their rows lie below those of the short ones.
        first = min(node.children, key=lambda child: (not child.on_way, -depth_of[id(child)]), default=None)
        rest = [child for child in node.children if child is not first]
        rest.sort(key=lambda child: (depth_of[id(child)], child.kind == "folded"))
        waiting.extend((child, column + 1, node.row + 1) for child in reversed(rest))
        if first:
            waiting.append((first, column + 1, node.row))


def walk(root: Node) -> Iterator[Node]:
    """Parents before their children."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))
