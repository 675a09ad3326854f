"""CloudEvents in binary and structured mode: what is sent is what arrives; what is not an event is refused."""

import json
from datetime import UTC, datetime, timedelta, timezone

import hypothesis.strategies as st
import pytest
from hypothesis import given

from events.wire import Delivery, NotACloudEvent, binary, parse, structured

TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x9FFF), min_size=1, max_size=30).filter(str.isprintable)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
DELIVERIES = st.builds(
    Delivery,
    id=TEXT,
    type=TEXT,
    source=TEXT,
    subject=TEXT,
    campus=st.from_regex(r"[a-z][a-z0-9]{1,9}", fullmatch=True),
    time=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))])),
    data=st.dictionaries(st.text(), JSON, max_size=4),
    traceparent=st.sampled_from(["", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"]),
)
STRUCTURED = {"content-type": "application/cloudevents+json"}
EVENT = Delivery("1", "cn.consortium.a.b.c.v1", "/a/b", "s", "hq", datetime(2026, 3, 2, tzinfo=UTC), {"a": "1"})


@pytest.mark.parametrize("mode", [binary, structured])
@given(delivery=DELIVERIES)
def test_what_is_sent_is_what_arrives(mode, delivery: Delivery) -> None:
    headers, body = mode(delivery)
    for name, value in headers.items():
        assert name.isascii()
        assert value.isascii()
        assert value.isprintable()
    assert parse(headers, body) == delivery


def test_time_may_be_left_out() -> None:
    assert parse(STRUCTURED, envelope(time=...)).time.tzinfo is not None


def test_header_names_are_read_in_any_case() -> None:
    headers, body = binary(EVENT)
    assert parse({name.upper(): value for name, value in headers.items()}, body) == EVENT


def envelope(**changes: object) -> bytes:
    document = json.loads(structured(EVENT)[1]) | changes
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"[" * 200_000,
        b'{"specversion": "9.9"}',
        "\ud800".encode("utf-8", "surrogatepass"),
        envelope(id=...),
        envelope(id=""),
        envelope(id=7),
        envelope(id="a\x00b"),
        envelope(id="a" * 300),
        envelope(type=["x"]),
        envelope(subject=...),
        envelope(campusid=...),
        envelope(campusid="hq,mch"),
        envelope(campusid="*"),
        envelope(time="yesterday"),
        envelope(time="2026-03-02T08:00:00"),
        envelope(time=5),
        envelope(data=...),
        envelope(data="text"),
        envelope(data=[1]),
        envelope(specversion="0.1"),
    ],
    ids=lambda body: body[:40].decode(errors="replace"),
)
def test_what_is_not_an_event_is_refused(body: bytes) -> None:
    with pytest.raises(NotACloudEvent):
        parse(STRUCTURED, body)


def test_binary_data_must_be_an_object() -> None:
    headers, _ = binary(EVENT)
    for body in (b"", b"[1]", b"\xff\xfe", b"[" * 200_000):
        with pytest.raises(NotACloudEvent):
            parse(headers, body)
