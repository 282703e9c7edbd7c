"""git, as procy needs it: commits of a work tree beside its branch, worktrees, and refs of its own.

Nothing here moves a user's HEAD, branch or index, unless its docstring says so.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from procy.errors import GitError

AUTHOR = {
    "GIT_AUTHOR_NAME": "procy", "GIT_AUTHOR_EMAIL": "procy@localhost",
    "GIT_COMMITTER_NAME": "procy", "GIT_COMMITTER_EMAIL": "procy@localhost",
}  # fmt: skip
SECRETS = (".env", ".env.*", "*.pem", "*.key", "id_rsa*", "id_ed25519*", "*.p12", "credentials.json")
LEFT_BEHIND = "eval.log"  # by evaluators of the first procy
LEFT_OUT = (*SECRETS, LEFT_BEHIND)
SETTINGS = (
    "core.hooksPath=/dev/null", "core.safecrlf=false", "submodule.recurse=false", "core.fsmonitor=false", "core.splitIndex=false",
)  # fmt: skip
QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")


@dataclass(frozen=True, slots=True)
class Repo:
    """A work tree and the repository that has its history. ``shadow``: one of ours, for a directory without git. ``limit_s``: for
    which one command of git may run; None: as long as it wants."""

    root: Path
    git_dir: Path
    shadow: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    limit_s: float | None = None

    def run(self, *arguments: str, index: str = "", data: bytes = b"", check: bool = True) -> str:
        """Run git in the work tree; its output. ``index``: a file to use as the index. Raises GitError where ``check``."""
        return self.output(*arguments, index=index, data=data, check=check).rstrip("\n")

    def output(self, *arguments: str, index: str = "", data: bytes = b"", check: bool = True) -> str:
        """As ``run``, to the last empty line."""
        done = self.done(*arguments, index=index, data=data)
        if check and done.returncode:
            raise GitError(f"git {arguments[0]} in {self.root}: {words_of(done)}")
        return done.stdout.decode("utf-8", "surrogateescape")

    def done(self, *arguments: str, index: str = "", data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Raises GitError where it takes longer than ``limit_s``."""
        try:
            return subprocess.run(
                self.command(*arguments), cwd=self.root, env=self.surroundings(index), input=data, capture_output=True,
                check=False, timeout=self.limit_s,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise self.too_slow(arguments[0]) from error

    def command(self, *arguments: str) -> list[str]:
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        return ["git", *settings, "--git-dir", str(self.git_dir), "--work-tree", str(self.root), *arguments]

    def surroundings(self, index: str = "") -> dict[str, str]:
        """The environment of a command."""
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        return environment | {**QUIET, **self.environment, **({"GIT_INDEX_FILE": index} if index else {})}

    def too_slow(self, what: str) -> GitError:
        return GitError(
            f"git {what} in {self.root} takes longer than {self.limit_s:g} s", f"Try it by hand: cd {self.root}; git status"
        )

    def beginning(self, *arguments: str, limit: int) -> tuple[str, bool]:
        """The first ``limit`` bytes that a command puts out, and whether there are more; then it is ended. Raises GitError."""
        with (
            tempfile.TemporaryFile() as words,
            subprocess.Popen(
                self.command(*arguments), cwd=self.root, env=self.surroundings(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=words,
            ) as process,
        ):  # fmt: skip
            alarm = threading.Timer(self.limit_s, process.kill) if self.limit_s else None
            if alarm:
                alarm.start()
            try:
                found = process.stdout.read(limit + 1) if process.stdout else b""
                if len(found) <= limit:
                    process.wait()
            finally:
                slow = alarm is not None and not alarm.is_alive()
                if alarm:
                    alarm.cancel()
                process.kill()
            if slow:
                raise self.too_slow(arguments[0])
            if len(found) <= limit and process.returncode:
                words.seek(0)
                told = words_of(subprocess.CompletedProcess((), process.returncode, b"", words.read()))
                raise GitError(f"git {arguments[0]} in {self.root}: {told}")
        return found[:limit].decode("utf-8", "replace"), len(found) > limit

    # -- reading ----------------------------------------------------------------------------------------------------------

    def resolve(self, name: str) -> str:
        """The commit that a name means. Raises GitError."""
        found = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", check=False)
        if not found:
            raise GitError(f"{self.root} has no commit {name!r}", "See those of a run: procy evolve status")
        return found

    def head(self) -> str | None:
        """The commit of HEAD; None before the first."""
        return self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False) or None

    def tree_of(self, commit: str) -> str:
        return self.run("rev-parse", f"{commit}^{{tree}}")

    def changed_files(self, old: str, new: str) -> tuple[str, ...]:
        """Paths that differ between two commits or trees."""
        names = self.run("diff-tree", "-r", "--name-only", "--no-renames", "-z", old, new)
        return names_in(names)

    def diff(self, old: str, new: str) -> str:
        """As a patch that ``git apply`` takes, binary files included, whatever the user's settings for ``git diff`` are."""
        form = ("--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
        return self.output("diff-tree", "-p", *form, old, new)

    def has_commit(self, sha: str) -> bool:
        return self.done("cat-file", "-e", f"{sha}^{{commit}}").returncode == 0

    def changes_to_read(self, old: str, new: str, limit: int) -> tuple[str, bool]:
        """What differs between two commits, for people: text only, at most so many bytes; and whether that is not all."""
        form = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--stat=100,80", "--patch")
        return self.beginning("diff-tree", *form, old, new, limit=limit)

    # -- commits beside the branch ----------------------------------------------------------------------------------------

    def snapshot_tree(self) -> str:
        """The tree of the work tree as it stands: tracked and new files, neither ignored ones nor those named like secrets."""
        with self.own_index() as index:
            self.add_all(index)
            return self.run("write-tree", index=index)

    def add_all(self, index: str) -> None:
        self.run("add", "-A", "--", ".", *(f":(exclude,literal,top){name}" for name in self.left_out()), index=index)

    def left_out(self) -> tuple[str, ...]:
        """New paths that no commit of ours gets: named like secrets, left behind by us, or repositories of their own, of which
        git would keep no file."""
        new = names_in(self.run("ls-files", "--others", "--exclude-standard", "-z"))
        return tuple(name for name in new if name.endswith("/") or is_left_out(name))

    def snapshot(self, message: str) -> str:
        """The commit of the work tree as it stands: HEAD itself where nothing differs from it."""
        tree, head = self.snapshot_tree(), self.head()
        if head and self.tree_of(head) == tree:
            return head
        return self.commit_tree(tree, [head] if head else [], message)

    def commit_tree(self, tree: str, parents: Sequence[str], message: str) -> str:
        flags = [word for parent in parents for word in ("-p", parent)]
        with_author = Repo(self.root, self.git_dir, self.shadow, {**self.environment, **AUTHOR})
        return with_author.run("commit-tree", "--no-gpg-sign", *flags, tree, data=message.encode("utf-8", "surrogateescape"))

    def set_ref(self, name: str, commit: str) -> None:
        self.run("update-ref", name, commit)

    def delete_refs(self, prefix: str) -> None:
        """Every ref below ``prefix``."""
        for name in self.refs(prefix):
            self.run("update-ref", "-d", name)

    def refs(self, prefix: str) -> dict[str, str]:
        """Name → commit, of every ref below ``prefix``."""
        lines = self.run("for-each-ref", "--format=%(refname) %(objectname)", prefix).splitlines()
        return dict(line.split(" ", 1) for line in lines)

    @contextmanager
    def own_index(self) -> Iterator[str]:
        """A copy of the index, which keeps ``git add`` fast, and the user's own untouched."""
        with tempfile.TemporaryDirectory(prefix="procy-index-") as folder:
            path = os.path.join(folder, "index")
            theirs = Path(self.run("rev-parse", "--git-path", "index"))
            theirs = theirs if theirs.is_absolute() else self.root / theirs
            if theirs.exists():
                shutil.copy2(theirs, path)  # its time too: by it git knows which files may have changed unseen
            yield path

    def put(self, commit: str) -> None:
        """Make the files of the work tree those of a commit. HEAD and index stay; so do files that the commit does not have
        and that are named like secrets, or ignored by its own rules."""
        with self.own_index() as index:
            self.add_all(index)
            surplus = self.run(
                "diff-index", "--cached", "--name-only", "--no-renames", "--diff-filter=A", "-z", commit, index=index
            )
            spared = self.ignored_in(commit, names_in(surplus)) if surplus else ()
            self.run("update-index", "--force-remove", "-z", "--stdin", index=index, data=lines_of(spared))
            self.run("read-tree", "-u", "--reset", commit, index=index)

    def ignored_in(self, commit: str, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of the paths that are named like secrets, or that git ignores where the files are the commit's."""
        with tempfile.TemporaryDirectory(prefix="procy-rules-") as folder:
            everything = names_in(self.run("ls-tree", "-r", "--name-only", "-z", commit))
            rules = [name for name in everything if os.path.basename(name) == ".gitignore"]
            index = os.path.join(folder, "index")
            self.run("read-tree", commit, index=index)
            tree = os.path.join(folder, "tree", "")
            os.mkdir(tree)
            self.run("checkout-index", f"--prefix={tree}", "-z", "--stdin", index=index, data=lines_of(rules))
            there = Repo(Path(tree), self.git_dir, self.shadow, self.environment)
            found = names_in(there.run("check-ignore", "--no-index", "-z", "--stdin", data=lines_of(paths), check=False))
        return tuple(name for name in paths if name in set(found) or is_left_out(name))

    # -- worktrees --------------------------------------------------------------------------------------------------------

    def add_worktree(self, path: Path, commit: str) -> Repo:
        """A detached work tree of its own. One that stands at that path already is made the commit's."""
        if path.exists():
            self.remove_worktree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.run("worktree", "add", "--quiet", "--force", "--detach", str(path), commit)
        return worktree(path)

    def remove_worktree(self, path: Path) -> None:
        """Also one that is broken. Others stay known, even while they cannot be reached."""
        remove = ("worktree", "remove", "--force", "--force", str(path))
        self.run(*remove, check=False)
        if path.exists():
            remove_tree(path)
            self.run(*remove, check=False)

    def repair_worktree(self, path: Path) -> Repo:
        """The worktree at a path, whose ``.git`` file may be gone. Raises GitError where it cannot be had back."""
        if path.is_dir() and not (path / ".git").exists():
            self.run("worktree", "repair")
        return worktree(path)

    def reset(self, commit: str) -> None:
        """Make this work tree the commit's: HEAD, index and files; new files go, ignored ones stay. Only for ours."""
        self.run("checkout", "--quiet", "--force", "--detach", commit)
        self.run("clean", "-ffdq")


def words_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """Why git refused, in its own words."""
    lines = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace").splitlines()
    told = [line.partition(": ")[2] for line in lines if line.startswith(("error: ", "fatal: "))] or lines[-1:]
    return "; ".join(told[:2]) or f"exit status {done.returncode}"


def names_in(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split("\0") if name)


def lines_of(names: Sequence[str]) -> bytes:
    """As git reads them with ``-z --stdin``."""
    return b"".join(os.fsencode(name) + b"\0" for name in names)


def is_left_out(name: str) -> bool:
    return any(fnmatch.fnmatch(os.path.basename(name), form) for form in LEFT_OUT)


def worktree(path: Path) -> Repo:
    """The worktree at a path, by its own ``.git`` file. Raises GitError where that is gone: git would take a repository around
    it, which may be the user's."""
    if not (path / ".git").is_file():
        raise GitError(f"{path} is no work tree of git any more")
    return Repo(path, Path(asked(path, "--absolute-git-dir")))


def find_repo(cwd: Path, shadows: Path, make: bool = True) -> Repo:
    """The repository that has ``cwd``; where there is none, one of ours beside it, below ``shadows``.

    Raises GitError where git is missing, or refuses; and for none at all where not to ``make`` one.
    """
    if not cwd.is_dir():
        raise GitError(
            f"{cwd} is gone", "The work tree was removed or renamed; its tries can be read, but not compared or applied"
        )
    if theirs := repo_around(cwd):
        return theirs
    root = cwd.resolve()
    git_dir = shadows / sha256(os.fsencode(root)).hexdigest()[:16]
    repo = Repo(root, git_dir, shadow=True)
    if not git_dir.exists() and not make:
        raise GitError(f"{root} has no repository any more", "What its tries changed was in there")
    if not git_dir.exists():
        git_dir.parent.mkdir(parents=True, exist_ok=True)
        repo.run("init", "--quiet")
    return repo


def repo_around(cwd: Path) -> Repo | None:
    """The work tree that has ``cwd``; None where there is none, as in a bare repository. Raises GitError where git refuses."""
    try:
        return Repo(Path(asked(cwd, "--show-toplevel")), Path(asked(cwd, "--absolute-git-dir")))
    except GitError as error:
        if "not a git repository" not in str(error) and "must be run in a work tree" not in str(error):
            raise
    return None


def asked(cwd: Path, what: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    try:
        done = subprocess.run(
            ["git", "rev-parse", what], cwd=cwd, env={**environment, **QUIET}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed", "apt install git, or brew install git") from error
    if done.returncode:
        raise GitError(f"{cwd}: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else 'git refuses'}")
    return done.stdout.strip()


def remove_tree(path: Path) -> None:
    """Also where a program left folders that may not be written."""

    def writable(function: object, name: str, _: object) -> None:
        os.chmod(os.path.dirname(name), 0o700)
        os.chmod(name, 0o700)
        function(name)  # type: ignore[operator]

    shutil.rmtree(path, onerror=writable)
