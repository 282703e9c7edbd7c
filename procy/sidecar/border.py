"""The border behind which a mistake stays: plugins' calls, and readers whose output can be derived again from raw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from procy import plugins
from procy.errors import ProcyError
from procy.sidecar.log import log

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
GIVE_UP = 20


class Border:
    """Calls that may fail without harm to the recording. What fails is logged, and after ``GIVE_UP`` times not called again."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.failures: Counter[str] = Counter()

    def call(
        self, what: str, default: Result, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """The function's result, or ``default`` when it fails."""
        if self.failures[what] >= GIVE_UP:
            return default
        try:
            return plugins.call(what, function, *args, **kwargs)
        except ProcyError:
            self.failures[what] += 1
            log.exception("%s: %s failed (%d)", self.session_id, what, self.failures[what])
            return default
