"""The lane of ``--here``: the user's own pane and work tree. HEAD and the index stay; the files are saved before and can be had
back with ``procy evolve reset --restore``."""

from __future__ import annotations

from contextlib import suppress

from procy.act.interrupt import interrupt
from procy.act.target import find_target
from procy.errors import GitError, ProcyError
from procy.evolve.lane import Answer, Ready, Tell, Watch
from procy.evolve.plan import Plan
from procy.evolve.prompting import send_once, target_of, until_ready, wait_for_answer
from procy.git import Repo
from procy.places import Places

START_S = 600.0  # somebody may be typing
BRANCH = "Procy-Branch"  # trailer of the commit that has the index: what HEAD was


class HereLane:
    """See ``procy.evolve.lane.Lane``. The conversation is one for all tries; it matches the files only where a try starts from
    the one before it."""

    number = 1
    host = ""

    def __init__(self, places: Places, run_id: str, repo: Repo, plan: Plan, last: str | None = None) -> None:
        """``last``: the commit that the conversation knows; "" where it is none of a try, None before the first."""
        self.places, self.run_id, self.repo, self.plan, self.last = places, run_id, repo, plan, last

    @property
    def cwd(self) -> str:
        return str(self.repo.root)

    def prepare(self, commit: str, conversation: str, watch: Watch, tell: Tell) -> Ready:
        target = until_ready(self.places, self.session_id(), START_S, watch, tell)
        self.put(commit)
        return Ready(target.session_id, self.last in (None, commit))

    def session_id(self) -> str:
        """Of whatever is recorded in the user's pane now."""
        return find_target(self.places, self.plan.pane or "last", any_program=True).session_id

    def is_there(self, session_id: str) -> bool:
        try:
            target = target_of(self.places, session_id)
            return not target.look().dead and target.has_terminal()
        except ProcyError:
            return False

    def send(self, session_id: str, prompt: str, injection_id: str, watch: Watch) -> str:
        self.last = ""
        return send_once(self.places, session_id, prompt, injection_id, watch)

    def wait(self, session_id: str, injection_id: str, patience_s: float, watch: Watch, tell: Tell) -> Answer:
        return wait_for_answer(self.places, session_id, injection_id, patience_s, watch, tell)

    def commit(self, parent: str, message: str) -> str:
        found = self.repo.snapshot_tree()
        sha = parent if found == self.repo.tree_of(parent) else self.repo.commit_tree(found, [parent], message)
        self.last = sha
        return sha

    def interrupt(self, session_id: str) -> None:
        with suppress(ProcyError):
            interrupt(find_target(self.places, session_id, any_program=True))

    def close(self) -> None:
        """Leave the files of the best try, as the seed did."""
        best = self.repo.refs(f"refs/procy/{self.run_id.lower()}/best")
        for commit in best.values():
            self.put(commit)

    def put(self, commit: str) -> None:
        """Somebody may have worked in the files since the last try: that is kept."""
        if self.repo.snapshot_tree() != self.repo.tree_of(commit):
            keep(self.repo, self.run_id)
            self.repo.put(commit)


def keep(repo: Repo, run_id: str) -> str:
    """A commit with the files as they stand, which a ref of the run has."""
    prefix = f"refs/procy/{run_id.lower()}"
    known = dict(line.split() for line in repo.run("for-each-ref", "--format=%(tree) %(objectname)", prefix).splitlines())
    commit = repo.snapshot(f"procy: files that were set aside in run {run_id}")
    return known.get(repo.tree_of(commit)) or set_aside(repo, prefix, commit)


def set_aside(repo: Repo, prefix: str, commit: str) -> str:
    repo.set_ref(f"{prefix}/aside/{len(repo.refs(f'{prefix}/aside')) + 1}", commit)
    return commit


def save(repo: Repo, run_id: str) -> None:
    """Keep where HEAD is, on which branch, and what the index holds; the files are the run's start. Raises GitError."""
    if repo.run("ls-files", "--unmerged"):
        raise GitError("a merge is under way: some files are not merged yet", "Finish it, or end it with git merge --abort")
    prefix = f"refs/procy/{run_id.lower()}"
    head = repo.head()
    if head:
        repo.set_ref(f"{prefix}/saved-head", head)
    branch = repo.run("symbolic-ref", "--quiet", "HEAD", check=False)
    index = repo.commit_tree(
        repo.run("write-tree"), [head] if head else [], f"procy: the index before a run\n\n{BRANCH}: {branch}\n"
    )
    repo.set_ref(f"{prefix}/saved-index", index)


def restore(repo: Repo, run_id: str, base: str) -> None:
    """Files, index, HEAD's branch and its commit as they were before the run. Other branches stay where they are.

    Raises GitError where nothing was saved.
    """
    prefix = f"refs/procy/{run_id.lower()}"
    refs = repo.refs(prefix)
    head, index = refs.get(f"{prefix}/saved-head"), refs.get(f"{prefix}/saved-index")
    if index is None:
        raise GitError(f"nothing was saved before run {run_id}", "Only a run that was begun with --here can be undone")
    repo.put(base)
    now = repo.head()
    if now and now != head:
        set_aside(repo, prefix, now)
    branch = repo.run("show", "-s", f"--format=%(trailers:key={BRANCH},valueonly)", index).strip()
    put_head(repo, branch, head)
    repo.run("read-tree", index)


def put_head(repo: Repo, branch: str, commit: str | None) -> None:
    """Put HEAD on a branch, "" for none, and that on a commit, None for one that has none yet."""
    words = ("-m", "procy: before the run")
    if branch:
        repo.run("symbolic-ref", *words, "HEAD", branch)
    now = repo.head()
    if commit and now != commit:
        repo.run("update-ref", *words, *(() if branch else ("--no-deref",)), "HEAD", commit)
    elif now and not commit:
        repo.run("update-ref", *words, "-d", "HEAD")
