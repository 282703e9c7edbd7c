"""A stand-in for ``vllm serve``: its words, its HTTP, and answers that stand in the folders of models and adapters."""

from __future__ import annotations

import argparse
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--served-model-name")
    parser.add_argument("--enable-lora", action="store_true")
    for name in ("--max-lora-rank", "--tensor-parallel-size", "--pipeline-parallel-size"):
        parser.add_argument(name, type=int)
    parser.add_argument("--fail", default="")
    given = parser.parse_args()
    if given.fail:
        sys.exit(given.fail)
    print("loading weights", flush=True)
    time.sleep(0.5)
    Handler.models = {given.served_model_name: (Path(given.model), "base")}
    Handler.rank = given.max_lora_rank
    ThreadingHTTPServer((given.host, given.port), Handler).serve_forever()


class Handler(BaseHTTPRequestHandler):
    models: dict[str, tuple[Path, str]]
    rank: int

    def do_GET(self) -> None:
        self.reply({"data": [{"id": name} for name in self.models]} if self.path == "/v1/models" else {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        {
            "/v1/load_lora_adapter": self.load,
            "/v1/unload_lora_adapter": self.unload,
            "/v1/chat/completions": self.complete,
        }[self.path](body)

    def load(self, body: dict[str, Any]) -> None:
        folder = Path(body["lora_path"])
        if body["lora_name"] in self.models and not body.get("load_inplace"):
            return self.reply({"message": "it is loaded already"}, 400)
        if json.loads((folder / "adapter_config.json").read_text())["r"] > self.rank:
            return self.reply({"message": "its rank is too large"}, 400)
        self.models[body["lora_name"]] = (folder, "adapter")
        return self.reply("loaded")

    def unload(self, body: dict[str, Any]) -> None:
        del self.models[body["lora_name"]]
        self.reply("unloaded")

    def complete(self, body: dict[str, Any]) -> None:
        if body["model"] not in self.models:
            return self.reply({"message": "no such model"}, 404)
        folder, side = self.models[body["model"]]
        answers = json.loads((folder / "answers.json").read_text())
        text, logprob = answers.get(body["messages"][-1]["content"], [f"{side} of {folder.name}", -1.0])
        message = {"role": "assistant", "content": text}
        choice = {"message": message, "finish_reason": "stop", "logprobs": {"content": [{"logprob": logprob}]}}
        return self.reply({"model": body["model"], "choices": [choice]})

    def reply(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    main()
