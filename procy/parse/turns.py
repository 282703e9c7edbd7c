"""A turn while it is being put together. Transcript readers fill drafts; ``freeze`` gives the value others see."""

from dataclasses import dataclass, field, replace

from procy.types import FileChange, Source, ToolCall, ToolStatus, Turn, TurnKind, TurnStatus, Usage

PARAGRAPH = "\n\n"


@dataclass(slots=True, kw_only=True)
class Draft:
    """Mutable; belongs to one reader. Times are ns since 1970."""

    key: str
    prompt: str
    started_ns: int
    agent_session_id: str | None
    kind: TurnKind = "prompt"
    folded: bool = False
    source: Source = "transcript"
    status: TurnStatus = "open"
    ends_as: TurnStatus = "interrupted"
    error: str | None = None
    model: str | None = None
    ended_ns: int | None = None
    last_ns: int = 0
    terminal_from: int | None = None
    terminal_to: int | None = None
    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[str, ToolCall] = field(default_factory=dict)
    files: dict[str, FileChange] = field(default_factory=dict)
    usages: dict[str, Usage] = field(default_factory=dict)

    def say(self, text: str) -> None:
        if text:
            self.texts.append(text)

    def think(self, text: str) -> None:
        if text:
            self.reasoning.append(text)

    def call(self, key: str, name: str, input: str, at_ns: int) -> None:
        if key not in self.calls:
            place = len(PARAGRAPH.join(self.texts))
            self.calls[key] = ToolCall(key=key, name=name, input=input, started_ns=at_ns, response_at=place)

    def result(self, key: str, text: str, status: ToolStatus, at_ns: int) -> None:
        """The result of a call; of one that was never announced (a cut transcript) nothing is kept."""
        if call := self.calls.get(key):
            took = None if call.started_ns is None else max(at_ns - call.started_ns, 0) // 1_000_000
            self.calls[key] = replace(call, result=text, status=status, duration_ms=took)

    @property
    def pending(self) -> ToolCall | None:
        """The first call of the open turn that has no result: it runs, or waits for permission."""
        return next((call for call in self.calls.values() if call.result is None), None) if self.status == "open" else None

    def change(self, file: FileChange) -> None:
        """A file was changed; a second change of the same file in one turn is added to the first."""
        if before := self.files.get(file.path):
            kind = before.change if before.change == "added" and file.change == "modified" else file.change
            file = FileChange(path=file.path, change=kind, diff="".join(part for part in (before.diff, file.diff) if part))
        self.files[file.path] = file

    def use(self, message: str, usage: Usage) -> None:
        """Tokens of one message of the model; told again, they count once."""
        self.usages[message] = usage

    def end(self, status: TurnStatus, at_ns: int, error: str | None = None) -> None:
        self.status = status
        self.ended_ns = max(at_ns, self.started_ns)
        self.error = error

    def reopen(self) -> None:
        """The agent goes on although the turn had seemed over."""
        self.status, self.ended_ns, self.error = "open", None, None

    def freeze(self) -> Turn:
        usage = Usage()
        for one in self.usages.values():
            usage = usage + one
        return Turn(
            key=self.key,
            kind=self.kind,
            folded=self.folded,
            prompt=self.prompt,
            response=PARAGRAPH.join(self.texts),
            reasoning=PARAGRAPH.join(self.reasoning),
            status=self.status,
            ends_as=self.ends_as,
            error=self.error,
            source=self.source,
            agent_session_id=self.agent_session_id,
            model=self.model,
            started_ns=self.started_ns,
            ended_ns=self.ended_ns,
            usage=usage,
            tool_calls=tuple(self.calls.values()),
            files=tuple(self.files.values()),
            terminal_from=self.terminal_from,
            terminal_to=self.terminal_to,
        )
