"""Traces, metrics and logs. Nothing personal goes into any of them: ids, codes, durations only."""

import json
import logging
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")

REQUESTS = Histogram(
    "his_request_seconds",
    "Time to answer a request",
    ["function", "route", "status", "campus"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0),
)
EVENTS = Counter("his_events_handled_total", "Deliveries by outcome", ["function", "type", "outcome"])
RETRIES = Counter("his_transaction_retries_total", "Transactions run again after a deadlock", ["function"])
IN_FLIGHT = Gauge("his_requests_in_flight", "Requests being worked on")

_current_trace: ContextVar[str] = ContextVar("his_traceparent", default="")
_unborn: ContextVar[str] = ContextVar("his_unborn_span", default="")
"""The traceparent whose span is about to be made."""


def accept_trace(header: str | None) -> str:
    """The caller's traceparent continued with a span of ours, or a new trace."""
    match = _TRACEPARENT.match(header or "")
    trace_id = match.group(1) if match else secrets.token_hex(16)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"


def trace_id_of(traceparent: str) -> str:
    """The 32 hex digits a person quotes to the help desk."""
    return traceparent[3:35]


@contextmanager
def span(name: str, traceparent: str, parent: str | None = None, **attributes: str) -> Iterator[None]:
    """One unit of work: `traceparent` is its own name (see `accept_trace`), `parent` that of who caused it.

    Exported when an OTLP endpoint is configured. An event carries the traceparent of the request that told it, so that
    a request and all that followed from it, in whatever process, stand in one trace, each below its cause.
    """
    token = _current_trace.set(traceparent)
    try:
        if not _exporting():
            yield
            return
        from opentelemetry import trace
        from opentelemetry.context import Context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else Context()
        _unborn.set(traceparent)
        with trace.get_tracer("his").start_as_current_span(name, context=context, attributes=attributes):
            yield
    finally:
        _current_trace.reset(token)


def mark(**attributes: str | int) -> None:
    """Add what has become known of the current unit of work: campus, status. Never anything personal."""
    if _exporting():
        from opentelemetry import trace

        trace.get_current_span().set_attributes(attributes)


def current_traceparent() -> str:
    """The trace this code runs under, to be carried on by events."""
    return _current_trace.get()


def _exporting() -> bool:
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, trace id, and the fields of `extra={"fields": ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if traceparent := _current_trace.get():
            entry["trace_id"] = trace_id_of(traceparent)
        entry.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0] is not None:
            entry["exception"] = record.exc_info[0].__name__
            entry["where"] = _frames(record.exc_info[2])
        return json.dumps(entry, ensure_ascii=False)


def _frames(traceback: Any) -> list[str]:
    """File, line and function of each frame. Never the message or values: they may hold personal data."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{os.path.basename(code.co_filename)}:{traceback.tb_lineno}:{code.co_name}")
        traceback = traceback.tb_next
    return frames


def configure(service: str, level: str = "INFO") -> None:
    """Set up logs and, when OTEL_EXPORTER_OTLP_ENDPOINT is set, trace export."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    if _exporting():
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        export_to(BatchSpanProcessor(OTLPSpanExporter()), service)


def export_to(processor: "SpanProcessor", service: str) -> None:
    """Send spans to a processor. A span's id is the one its traceparent already names to logs and events."""
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class OurIds(RandomIdGenerator):
        def generate_span_id(self) -> int:
            named, _ = _unborn.get(), _unborn.set("")  # a library's span below ours has an id of its own
            return int(named[36:52], 16) if named else super().generate_span_id()

        def generate_trace_id(self) -> int:
            named = _unborn.get()
            return int(named[3:35], 16) if named else super().generate_trace_id()

    provider = TracerProvider(resource=Resource.create({"service.name": service}), id_generator=OurIds())
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
