"""Spans as bytes: an ``ExportTraceServiceRequest`` of OTLP, in protobuf or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from procy import __version__
from procy.errors import MissingExtra
from procy.otlp.span import Group, Span, Value

try:
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1 import trace_pb2
except ImportError as error:
    raise MissingExtra("OTLP needs OpenTelemetry's own messages, which are not installed", "pip install 'procy[otlp]'") from error

SCOPE = "procy"
IDS = ("traceId", "spanId", "parentSpanId")  # in JSON these are hexadecimal, other bytes base64
UNREADABLE = (DecodeError, AttributeError, TypeError, ValueError)  # of an answer, which then says nothing
TYPES = {"http/protobuf": "application/x-protobuf", "http/json": "application/json"}


def request(groups: Sequence[Group]) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    for group in groups:
        resource = message.resource_spans.add(resource=Resource(attributes=pairs(group.resource)))
        scope = resource.scope_spans.add(scope=InstrumentationScope(name=SCOPE, version=__version__))
        scope.spans.extend(one(span) for span in group.spans)
    return message


def body(groups: Sequence[Group], protocol: str) -> bytes:
    """``protocol``: a key of ``TYPES``."""
    message = request(groups)
    if protocol == "http/protobuf":
        return bytes(message.SerializeToString())
    value = MessageToDict(message, use_integers_for_enums=True)
    return json.dumps(with_hexadecimal_ids(value), ensure_ascii=False, separators=(",", ":")).encode()


def rejected(answer: bytes, protocol: str) -> tuple[int, str]:
    """How many spans a collector that took the request did not take, and why; (0, "") where it took all."""
    try:
        if protocol == "http/json":
            said = json.loads(answer or b"{}").get("partialSuccess") or {}
            return int(said.get("rejectedSpans", 0)), str(said.get("errorMessage", ""))
        success = ExportTraceServiceResponse.FromString(answer).partial_success
        return int(success.rejected_spans), str(success.error_message)
    except UNREADABLE:
        return 0, ""


def one(span: Span) -> trace_pb2.Span:
    attributes = {**span.attributes, "error.type": span.error} if span.error else span.attributes
    code = trace_pb2.Status.STATUS_CODE_ERROR if span.error else trace_pb2.Status.STATUS_CODE_UNSET
    return trace_pb2.Span(
        trace_id=span.trace,
        span_id=span.id,
        parent_span_id=span.parent,
        name=clean(span.name),
        kind=trace_pb2.Span.SPAN_KIND_CLIENT if span.kind == "client" else trace_pb2.Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=span.started_ns,
        end_time_unix_nano=span.ended_ns,
        attributes=pairs(attributes),
        links=[trace_pb2.Span.Link(trace_id=trace, span_id=key) for trace, key in span.links],
        status=trace_pb2.Status(code=code, message=clean(span.message)),
    )


def pairs(attributes: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=name, value=any_value(value)) for name, value in attributes.items()]


def any_value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=clean(value))
    return AnyValue(array_value=ArrayValue(values=[any_value(part) for part in value]))


def clean(text: str) -> str:
    """What protobuf takes for a string."""
    return text.encode("utf-8", "replace").decode()


def with_hexadecimal_ids(value: Any) -> Any:
    from base64 import b64decode

    if isinstance(value, list):
        return [with_hexadecimal_ids(part) for part in value]
    if isinstance(value, dict):
        return {
            name: b64decode(part).hex() if name in IDS and isinstance(part, str) else with_hexadecimal_ids(part)
            for name, part in value.items()
        }
    return value
