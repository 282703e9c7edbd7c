"""A receiver of OTLP over HTTP for tests: a real server on a loopback port that reads requests with OpenTelemetry's own
messages, and answers as it is told."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

OK = ExportTraceServiceResponse().SerializeToString()


class Collector:
    """``answers``: (status, body, headers) for the next requests, in turn; then all is well."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                status, body, headers = collector.answers.pop(0) if collector.answers else (200, OK, {})
                if status == 200 and self.path == "/v1/traces":
                    collector.take({name.lower(): value for name, value in self.headers.items()}, data)
                self.send_response(status if self.path == "/v1/traces" else 404)
                for name, value in {"content-type": "application/x-protobuf", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler

    def take(self, headers: dict[str, str], data: bytes) -> None:
        data = gzip.decompress(data) if headers.get("content-encoding") == "gzip" else data
        self.headers.append(headers)
        self.bodies.append(data)
        if headers["content-type"] == "application/json":
            self.requests.append(ParseDict(in_base64(json.loads(data)), ExportTraceServiceRequest()))
        else:
            self.requests.append(ExportTraceServiceRequest.FromString(data))

    def spans(self) -> dict[str, Any]:
        """Each span by its id; a list in the order of arrival is ``ids``."""
        return {span.span_id.hex(): span for request in self.requests for span in spans_in(request)}

    def ids(self) -> list[str]:
        return [span.span_id.hex() for request in self.requests for span in spans_in(request)]

    def named(self, start: str) -> list[Any]:
        return [span for span in self.spans().values() if span.name.startswith(start)]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def spans_in(request: ExportTraceServiceRequest) -> list[Any]:
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def attributes(holder: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in holder.attributes}


def in_base64(value: Any) -> Any:
    """OTLP's JSON has ids in hexadecimal, where protobuf's own has base64."""
    if isinstance(value, list):
        return [in_base64(part) for part in value]
    if isinstance(value, dict):
        return {
            name: base64.b64encode(bytes.fromhex(part)).decode()
            if name in ("traceId", "spanId", "parentSpanId")
            else in_base64(part)
            for name, part in value.items()
        }
    return value
