"""Real input of each kind, in small pieces, to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.parse.films import films, load_film

RECORDINGS = Path(__file__).parents[1] / "recordings"
PIECE = 16 << 10  # of a recording: small ones are mutated faster
CUTS = b"\x40\x20\x10\x08\x04\x02\x01\x80"
TRANSCRIPTS = {
    "claude_code": "claude-code/**/*.jsonl", "codex": "codex/**/*.jsonl", "stream": "", "gemini": "gemini-cli/**/*.jsonl",
    "qwen": "qwen-code/**/*.jsonl", "opencode": "opencode/**/*.jsonl", "aider": "aider/**/.*.md", "seed": "",
}  # fmt: skip
FILES = {f"transcript-{name}": pattern for name, pattern in TRANSCRIPTS.items() if pattern} | {"cast": "*sh/**/*.cast"}

ASKED = b'{"tools":[1],"messages":[{"role":"user","content":"hi"}'
WRITTEN: dict[str, tuple[bytes, ...]] = {
    "terminal": (b"\x41" + CUTS[1:] + b"\x1b]133;A\x07$ \x1b]133;B\x07ls\r\n\x1b]133;C\x07one\r\n\x1b]133;D\x07",),
    "transcript-stream": (
        b'1764356000000000000 > 1\t{"type":"user","uuid":"u","message":{"role":"user","content":"hello"}}\n'
        b'1764356001000000000 < 1\t{"type":"system","subtype":"init","session_id":"s","model":"m","cwd":"/"}\n'
        b'1764356002000000000 < 1\t{"type":"assistant","message":{"id":"m1","content":[{"type":"text","text":"hi"}],'
        b'"usage":{"input_tokens":3}}}\n'
        b'1764356003000000000 < 1\t{"type":"result","subtype":"success","session_id":"s","result":"hi","total_cost_usd":0.1}\n',
    ),
    "transcript-seed": (
        b'{"table": "turns", "id": 1, "turn_num": 1, "role": "human", "content": "hi", "timestamp": 1773500001.0}\n'
        b'{"table": "turns", "id": 2, "turn_num": 1, "role": "agent_chunk", "content": "yes", "timestamp": 1773500002.0}\n'
        b'{"table": "actions", "id": 1, "turn_num": 1, "tool_name": "W", "tool_input": "x", "tool_result": "y"}\n',
    ),
    "cast": (b'{"version": 2, "width": 80, "height": 24, "timestamp": 1}\n[0.5, "o", "hello"]\n[0.7, "r", "90x30"]\n',),
    "timing": (
        b"hello\r\nworld\r\n\n---\n0.5 7\n1.25 7\n",
        b"hello\n---\nH 0.0 COLUMNS 90\nH 0.0 LINES 30\nO 0.1 3\nS 0.2 SIGWINCH ROWS=24 COLS=80\nO 0.3 2\n",
    ),
    "wire-turns": (  # a prompt, a call of a tool, what it gave, and an answer
        ASKED + b']}\n{"stop_reason":"tool_use","content":[{"type":"tool_use","id":"a","name":"run","input":{}}]}\n'
        + ASKED + b',{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"run","input":{}}]},'
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"ok"}]}]}\n'
        b'{"stop_reason":"end_turn","content":[{"type":"text","text":"done"}]}\n',
        ASKED + b']}\n{"choices":[{"message":{"content":"x","tool_calls":[{"id":"a","function":{"name":"run"}}]}}]}\n'
        + ASKED + b',{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"run"}}]},'
        b'{"role":"tool","tool_call_id":"a","content":"ok"}]}\n{"choices":[{"message":{"content":"done"}}]}\n',
        b'{"input":"hi"}\n{"id":"r","output":[{"type":"function_call","call_id":"a","name":"run","arguments":"{}"}]}\n'
        b'{"input":[{"type":"function_call_output","call_id":"a","output":"ok"}],"previous_response_id":"r"}\n{"output":[]}\n',
        b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}\n[{"candidates":[{"content":{"parts":['
        b'{"functionCall":{"name":"run","args":{}}},{"text":"t","thought":true}]}}]}]\n',
    ),
    "settings": (b'agent = "claude"\n[upstreams.a]\nservice = "claude"\nbase_url = "http://x"\nkey = {env = "A"}\n[hosts.b]\n',),
}  # fmt: skip
CALLS = (
    b'data: {"id":"x","choices":[{"delta":{"content":"hi"}}],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n',
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":3}}}\n\n',
    b'{"model":"m","stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"tools":[]}',
    b'{"model":"m","input":[{"type":"message","role":"user","content":"hi"}],"instructions":"x"}',
)
OTHERS = (b'{"session_id": "x", "context_window": {"remaining_percentage": 40}} KEY_TOKEN="abcdefgh" sk-ant-' + b"a" * 24,)


def seeds(name: str) -> Iterator[bytes]:
    if name in FILES:
        yield from (path.read_bytes()[:PIECE] for path in sorted(RECORDINGS.glob(FILES[name])))
    if name == "terminal":
        talks = [path for path in films() if path.name == "talk.cast.xz"]
        yield from (CUTS + b"".join(read.data for read in load_film(path))[:PIECE] for path in talks)
    yield from WRITTEN.get(name, CALLS if name in ("sse", "wire") else OTHERS if name not in FILES else ())
