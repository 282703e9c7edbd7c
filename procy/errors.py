"""What can go wrong, and what to do about it.

ProcyError                 exit status 1, one line on standard error
├── ConfigError            a setting is wrong; names the file and the key
├── HandleError            no session, turn or pane is meant, or several are
├── TmuxError              tmux is missing, too old, or refused a command
│   ├── PaneTaken          another tool pipes the pane; names the tool
│   ├── PaneBusy           the pane cannot take a prompt now, but may in a moment
│   └── PaneRefuses        the pane cannot take a prompt as it is
├── AgentError             the agent's command was not found or cannot be resumed
├── GitError               git is missing or refused
├── EvaluatorError         the evaluator cannot be used as it is
├── PluginError            what another package, or a file of the user's, brought along failed
├── ProposerError          no next prompt could be written
├── HostError              a machine cannot be reached by ssh, or has no procy that understands this one
├── WireError              a request cannot be said on its upstream's wire; has the HTTP status for the client
├── ServeError             a model cannot be served, or is not the one that it should be
├── StoreError             the database cannot be opened, is locked, or is newer than this program
└── MissingExtra           a library that this function needs is not installed
"""


class ProcyError(Exception):
    """Base of all errors a user can do something about. ``remedy`` is the something, as an imperative sentence."""

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what}. {remedy}" if remedy else what)


class ConfigError(ProcyError):
    pass


class HandleError(ProcyError):
    pass


class TmuxError(ProcyError):
    pass


class PaneTaken(TmuxError):
    pass


class PaneBusy(TmuxError):
    pass


class PaneRefuses(TmuxError):
    pass


class AgentError(ProcyError):
    pass


class GitError(ProcyError):
    pass


class EvaluatorError(ProcyError):
    pass


class PluginError(ProcyError):
    pass


class ProposerError(ProcyError):
    pass


class HostError(ProcyError):
    pass


class WireError(ProcyError):
    def __init__(self, what: str, remedy: str = "", status: int = 400) -> None:
        self.status = status
        super().__init__(what, remedy)


class ServeError(ProcyError):
    pass


class StoreError(ProcyError):
    pass


class MissingExtra(ProcyError):
    pass
