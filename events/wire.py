"""CloudEvents 1.0 over HTTP, binary and structured. The only file that touches the SDK."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from cloudevents.conversion import to_binary, to_structured
from cloudevents.exceptions import GenericException
from cloudevents.http import CloudEvent, from_http

from shared.problems import Problem

_REQUIRED = ("id", "type", "source", "subject", "campusid")
_CAMPUS = re.compile(r"[a-z][a-z0-9]{1,9}")
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""What stands unescaped in a header of the binary mode (HTTP binding, 3.1.3.2)."""


class NotACloudEvent(Problem):
    status = 400
    code = "not_a_cloud_event"
    title = "不是有效的 CloudEvent"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way: its context attributes and its data."""

    id: str
    type: str
    source: str
    subject: str
    campus: str
    time: datetime
    data: dict[str, Any]
    traceparent: str = ""


def parse(headers: Mapping[str, str], body: bytes) -> Delivery:
    """Read a delivery in binary or structured mode; NotACloudEvent says what is missing."""
    lowered = {name.lower(): value for name, value in headers.items()}
    unescaped = {name: unquote(value) if name.startswith("ce-") else value for name, value in lowered.items()}
    try:
        event = from_http(unescaped, body)
        attributes = event.get_attributes()
        data = event.get_data()
        time = datetime.fromisoformat(attributes["time"])  # the SDK's now, when the sender gave none
    except (GenericException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotACloudEvent("请按 CloudEvents 1.0 的二进制或结构化方式发送事件。") from error
    if not isinstance(data, dict):
        raise NotACloudEvent("事件数据须为 JSON 对象。")
    wrong = [name for name in _REQUIRED if not _is_text(attributes.get(name))]
    if not wrong and not _CAMPUS.fullmatch(attributes["campusid"]):
        wrong = ["campusid"]
    if time.tzinfo is None:
        wrong.append("time")
    if wrong:
        raise NotACloudEvent(f"事件缺少以下属性或其内容无效：{'、'.join(wrong)}。")
    return Delivery(
        id=attributes["id"],
        type=attributes["type"],
        source=attributes["source"],
        subject=attributes["subject"],
        campus=attributes["campusid"],
        time=time,
        data=data,
        traceparent=str(attributes.get("traceparent") or lowered.get("traceparent") or ""),
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 256 and value.isprintable()


def _event(delivery: Delivery) -> CloudEvent:
    attributes = {
        "id": delivery.id,
        "type": delivery.type,
        "source": delivery.source,
        "subject": delivery.subject,
        "campusid": delivery.campus,
        "time": delivery.time.isoformat(),
        "datacontenttype": "application/json",
        "dataschema": f"urn:his:event:{delivery.type}",
    }
    if delivery.traceparent:
        attributes["traceparent"] = delivery.traceparent
    return CloudEvent(attributes, delivery.data)


def binary(delivery: Delivery) -> tuple[dict[str, str], bytes]:
    """Headers and body in binary mode."""
    headers, body = to_binary(_event(delivery))
    escaped = {name: quote(value, _SAFE) if name.startswith("ce-") else value for name, value in headers.items()}
    return escaped, bytes(body)


def structured(delivery: Delivery) -> tuple[dict[str, str], bytes]:
    """Headers and body in structured mode."""
    headers, body = to_structured(_event(delivery))
    return dict(headers), bytes(body)
