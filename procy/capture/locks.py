"""Whether a process of ours lives: each holds a lock on a file for as long as it does."""

import fcntl


def is_locked(path: str) -> bool:
    """Whether another process holds the lock file; asked without holding it longer than a moment."""
    try:
        with open(path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
