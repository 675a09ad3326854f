"""CloudEvents 1.0 over HTTP, binary and structured. The only file that touches the SDK."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloudevents.exceptions import GenericException
from cloudevents.http import CloudEvent, from_http, to_binary, to_structured

from shared.problems import Problem


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
    try:
        event = from_http(dict(headers), body)
        attributes = event.get_attributes()
        data = event.get_data()
        time = datetime.fromisoformat(attributes["time"]) if attributes.get("time") else None
    except (GenericException, ValueError, TypeError, KeyError, AttributeError, UnicodeDecodeError) as error:
        raise NotACloudEvent("请按 CloudEvents 1.0 的二进制或结构化方式发送事件。") from error
    if not isinstance(data, dict):
        raise NotACloudEvent("事件数据须为 JSON 对象。")
    missing = [name for name in ("id", "type", "source", "subject", "campusid") if not attributes.get(name)]
    if missing or time is None or time.tzinfo is None:
        raise NotACloudEvent(f"事件缺少属性：{'、'.join(missing) or 'time（须带时区）'}。")
    return Delivery(
        id=str(attributes["id"]),
        type=str(attributes["type"]),
        source=str(attributes["source"]),
        subject=str(attributes["subject"]),
        campus=str(attributes["campusid"]),
        time=time,
        data=data,
        traceparent=str(attributes.get("traceparent") or headers.get("traceparent") or ""),
    )


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
    return dict(headers), bytes(body)


def structured(delivery: Delivery) -> tuple[dict[str, str], bytes]:
    """Headers and body in structured mode."""
    headers, body = to_structured(_event(delivery))
    return dict(headers), bytes(body)
