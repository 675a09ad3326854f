"""What the gateway itself says: its log lines, and its refusals as problem documents a person can read."""

from __future__ import annotations

from typing import Any

ACCESS = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "logger": "gateway",
    "method": "%REQ(:METHOD)%",
    # Without the query: it may hold what somebody searched for.
    "path": "%PATH(NQ:PATH)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "milliseconds": "%DURATION%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "campus": "%REQ(X-CAMPUS):10%",
    "address": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "trace": "%RESP(TRACEPARENT):55%",
    "request": "%REQ(X-REQUEST-ID)%",
}
"""Ids, codes and durations only."""

DEAD_LETTER = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "logger": "dead letters",
    "event_id": "%REQ(CE-ID)%",
    "event_type": "%REQ(CE-TYPE)%",
    "campus": "%REQ(CE-CAMPUSID):10%",
    "sent_to": "%REQ(CE-KNATIVEERRORDEST)%",
    "answer": "%REQ(CE-KNATIVEERRORCODE)%",
    "trace": "%REQ(CE-TRACEPARENT):55%",
}
"""Which event, to whom, and how it was refused; not what it says."""

_REFUSALS = {
    400: ("unreadable", "请求无法读取", "请求格式不正确，请检查后重试。"),
    404: ("not_found", "没有这个地址", "没有这个地址，请核对。"),
    408: ("request_too_slow", "提交超时", "网络较慢，内容没有提交完整。请检查网络后重试。"),
    413: ("body_too_large", "提交内容过大", "提交内容超过上限，请减少内容或改用文件上传。"),
    429: ("too_many_requests", "请求过于频繁", "本机请求过于频繁，请稍候几秒再试。"),
    431: ("headers_too_large", "请求头过大", "请求头过大，请退出后重新登录再试。"),
    503: ("busy", "系统繁忙", "服务正在启动或维护，当前操作未保存，请稍候重试。"),
    504: ("timed_out", "处理超时", "系统未能及时答复。请重试，重试不会重复提交；仍不成功时请联系信息科。"),
}
"""Status -> code, title, what to do. Codes are those the functions use for the same thing."""


def local_replies() -> dict[str, Any]:
    """Envoy's own answers as RFC 9457 documents."""
    others = ("gateway", "网关无法转发请求", "请稍候重试；仍不成功时请将 trace_id 告知信息科。")
    return {
        "mappers": [
            *(_mapper("EQ", status, *refusal) for status, refusal in _REFUSALS.items()),
            _mapper("GE", 400, *others),
        ]
    }


def _mapper(compare: str, status: int, code: str, title: str, detail: str) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"refusal.{compare.lower()}.{status}"}
    retry = {"header": {"key": "retry-after", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        "filter": {"status_code_filter": {"comparison": {"op": compare, "value": value}}},
        "body_format_override": _document(code, title, detail),
        **({"headers_to_add": [retry]} if status in (429, 503) else {}),
    }


def _document(code: str, title: str, detail: str) -> dict[str, Any]:
    return {
        "json_format": {
            "type": f"urn:his:problem:{code}",
            "title": title,
            "status": "%RESPONSE_CODE%",
            "detail": detail,
            "code": code,
            "trace_id": "%REQ(X-REQUEST-ID)%",
        },
        "content_type": "application/problem+json",
    }
