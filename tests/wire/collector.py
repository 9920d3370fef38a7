"""A strict OTLP/HTTP receiver: protobuf by the published schema, and names by the published conventions."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

OLD: Final = frozenset(
    {
        "gen_ai.system",
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.completion_tokens",
    }
)
"""Names that the convention has given up."""
KNOWN: Final = {getattr(gen_ai_attributes, name) for name in dir(gen_ai_attributes) if name.startswith("GEN_AI_")} - OLD


class Collector:
    """``spans``: name, ids as hexadecimal text, kind, status and attributes of everything that came."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.problems: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, *given: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.headers.append(headers)
        if path != "/v1/traces" or headers.get("content-type") != "application/x-protobuf":
            self.problems.append(f"{path} {headers.get('content-type')}")
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            service = {entry.key: entry.value.string_value for entry in resource.resource.attributes}
            if not service.get("service.name"):
                self.problems.append("no service.name")
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.check(span)
                    self.spans.append(plain(span))

    def check(self, span: Any) -> None:
        if len(span.trace_id) != 16 or len(span.span_id) != 8 or not any(span.trace_id) or not any(span.span_id):
            self.problems.append(f"{span.name}: ids")
        if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
            self.problems.append(f"{span.name}: times")
        for entry in span.attributes:
            if entry.key.startswith("gen_ai.") and entry.key not in KNOWN:
                self.problems.append(f"{entry.key} is no name of the convention")
            if entry.value.WhichOneof("value") is None:
                self.problems.append(f"{entry.key} has no value")

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def plain(span: Any) -> dict[str, Any]:
    def value(found: Any) -> Any:
        kind = found.WhichOneof("value")
        return [value(inner) for inner in found.array_value.values] if kind == "array_value" else getattr(found, kind)

    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "kind": {2: "server", 3: "client"}[span.kind],
        "error": span.status.code == 2,
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        **{entry.key: value(entry.value) for entry in span.attributes},
    }
