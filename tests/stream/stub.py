"""A stand-in for a headless agent: speaks Claude Code's lines, and misbehaves on request. ``python stub.py [WORD …]``

Words: ``echo`` replays user messages by their uuid, ``merge`` answers all waiting messages with one result, ``deaf`` never
answers, ``exit N`` ends with that status after the first result, ``child`` leaves a process running in a session of its own.
A message of the form ``say: RAW`` has RAW (with ``\\n``) printed before the result, ``sleep: S`` makes the turn last.
"""

import json
import os
import select
import subprocess
import sys
import time

WORDS = sys.argv[1:]


def out(record):
    os.write(1, json.dumps(record, separators=(",", ":")).encode() + b"\n")


def lines():
    """Those that can be had without waiting, at least one; [] at the end."""
    data = b""
    while not data.endswith(b"\n"):
        part = os.read(0, 1 << 20)
        if not part:
            return [line for line in data.split(b"\n") if line]
        data += part
        while select.select([0], [], [], 0.15 if "merge" in WORDS else 0)[0] and (part := os.read(0, 1 << 20)):
            data += part
    return [line for line in data.split(b"\n") if line]


def text_of(record):
    content = record["message"]["content"]
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def answer(records):
    out({"type": "system", "subtype": "init", "session_id": SESSION, "model": "stub"})
    for record in records:
        if "echo" in WORDS:
            out(
                {
                    "type": "user",
                    "uuid": record.get("uuid"),
                    "isReplay": True,
                    "message": record["message"],
                    "session_id": SESSION,
                }
            )
    text = text_of(records[-1])
    if text.startswith("sleep: "):
        time.sleep(float(text[7:]))
    if text.startswith("say: "):
        os.write(1, text[5:].encode())
    if "deaf" in WORDS:
        while os.read(0, 1 << 16):
            pass
        sys.exit(0)
    out({"type": "assistant", "session_id": SESSION, "message": {"role": "assistant", "model": "stub",
         "content": [{"type": "text", "text": f"answer to {text}"}]}})  # fmt: skip
    out({"type": "result", "subtype": "success", "is_error": False, "session_id": SESSION, "result": "ok", "uuid": "r",
         "usage": {"input_tokens": 10, "output_tokens": 2}, "total_cost_usd": 0.5})  # fmt: skip


SESSION = WORDS[WORDS.index("--resume") + 1] if "--resume" in WORDS else f"session-{os.getpid()}"
if "child" in WORDS:
    left = subprocess.Popen(["sleep", "300"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"left {left.pid}", file=sys.stderr, flush=True)
while batch := lines():
    records = []
    for line in batch:
        try:
            record = json.loads(line)
        except ValueError:
            print("not JSON", file=sys.stderr)
            sys.exit(1)
        if record.get("type") == "user":
            records.append(record)
        elif record.get("type") == "control_request":
            out({"type": "control_response", "response": {"request_id": record["request_id"], "subtype": "success"}})
    for group in [records] if "merge" in WORDS else [[record] for record in records]:
        if group:
            answer(group)
            if "exit" in WORDS:
                sys.exit(int(WORDS[WORDS.index("exit") + 1]))
