"""AsyncAPI 3.0 of every event: what each says, who tells it, who handles it. Generated from the declarations."""

import inspect
import pkgutil
from importlib import import_module
from typing import Any

from pydantic.json_schema import models_json_schema

import events
from events.envelope import PREFIX, Event
from events.subscriptions import subscriptions

_HEADERS = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes, as `ce-` headers in binary mode.",
    "required": ["ce-specversion", "ce-id", "ce-type", "ce-source", "ce-subject", "ce-campusid", "ce-time"],
    "properties": {
        "ce-specversion": {"type": "string", "const": "1.0"},
        "ce-id": {"type": "string", "format": "uuid", "description": "Unique per source; repeated on redelivery."},
        "ce-type": {"type": "string"},
        "ce-source": {"type": "string", "description": "The emitting function, `/<area>/<module>`."},
        "ce-subject": {
            "type": "string",
            "description": "What it is about; deliveries of one subject keep their order.",
        },
        "ce-campusid": {"type": "string", "pattern": "^[a-z][a-z0-9]{1,9}$", "description": "院区标识"},
        "ce-time": {"type": "string", "format": "date-time"},
        "ce-dataschema": {"type": "string"},
        "ce-traceparent": {"type": "string"},
    },
}


def catalogue() -> list[type[Event]]:
    """Every event class of the catalogue, by type."""
    for module in pkgutil.iter_modules(events.__path__):
        import_module(f"events.{module.name}")
    subscriptions()  # loads the functions: those that ask for the clock declare its events
    ours = [kind for kind in Event.types.values() if kind.__module__.split(".")[0] in ("events", "functions")]
    return sorted(ours, key=lambda kind: kind.event_type)


def document() -> dict[str, Any]:
    """The AsyncAPI document, in a stable order."""
    kinds = catalogue()
    receivers = subscriptions()
    references, definitions = models_json_schema(
        [(kind, "serialization") for kind in kinds], ref_template="#/components/schemas/{model}"
    )
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for kind in kinds:
        name = kind.event_type
        short = name.removeprefix(PREFIX)
        channel = {"$ref": f"#/channels/{name}"}
        messages[name] = {
            "name": name,
            "title": short,
            "summary": inspect.getdoc(kind) or "",
            "contentType": "application/json",
            "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
            "payload": references[kind, "serialization"],
            "x-subject": kind.subject_field,
        }
        channels[name] = {
            "address": name,
            "description": f"Subject: `{kind.subject_field}`.",
            "messages": {"event": {"$ref": f"#/components/messages/{name}"}},
        }
        sender = kind.event_source.removeprefix("/")
        operations[f"{sender.replace('/', '.')}.sends.{short}"] = _operation("send", sender, channel)
        for receiver in receivers.get(name, ()):
            operations[f"{receiver.replace('/', '.')}.receives.{short}"] = _operation("receive", receiver, channel)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "县域医共体医院信息系统事件",
            "version": "1",
            "description": "CloudEvents told by the functions. At least once, in order per subject.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": dict(sorted(operations.items())),
        "components": {
            "messages": messages,
            "schemas": {"CloudEventHeaders": _HEADERS, **definitions.get("$defs", {})},
        },
    }


def _operation(action: str, function: str, channel: dict[str, str]) -> dict[str, Any]:
    return {"action": action, "channel": channel, "tags": [{"name": function}]}
