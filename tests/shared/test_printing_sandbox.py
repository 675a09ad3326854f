"""What a layout may do, and what it must satisfy to be published."""

import base64
import io
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from shared.printing import (
    LayoutBroken,
    LayoutRefused,
    render,
    render_preview,
    shipped_layouts,
)
from shared.printing.review import review
from tests.shared.print_probe import FORMS, probe, shipped, text_of

# -- what a layout may do


@pytest.mark.parametrize(
    "html",
    [
        "{{ text.__class__ }}",
        "{{ text['__class__'] }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ text.upper() }}",
        "{{ '{0.__class__}'.format(text) }}",
        "{{ text|attr('__class__') }}",
        "{{ rows|map(attribute='__class__')|list }}",
        "{{ text|safe }}",
        "{{ text|tojson }}",
        "{{ '%s'|format(text) }}",
        "{{ text * 1000000000 }}",
        "{{ '%01000000000d' % 1 }}",
        "{{ 9 ** 9 }}",
        "{{ range(9) }}",
        "{{ lipsum() }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{% for row in [1] %}{{ loop.__class__ }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
        "{% autoescape false %}{{ text }}{% endautoescape %}",
        "{% include 'layout.html' %}",
        "{% import 'os' as os %}",
        "{% from 'os' import system %}",
        "{% extends 'layout.html' %}",
        "{% do rows.append(1) %}",
        "{{ rows.append(1) }}",
        "{{ unknown_field }}",
        "{{ text.child }}",
        "{{ text|yuan }}",
        "{% if %}",
    ],
)
def test_a_layout_reaches_nothing_but_its_fields(html: str) -> None:
    with pytest.raises(LayoutBroken) as caught:
        render(probe(html), {"text": "x", "rows": [1]})
    assert caught.value.code == "print_layout_broken"


def test_a_field_may_be_called_like_a_method() -> None:
    fields = {"type": "object", "properties": {"a": {"properties": {"items": {}, "keys": {}}}}}
    layout = probe("{{ a.items }}|{{ a['keys'] }}", fields=fields)
    assert "1|2" in text_of(render(layout, {"a": {"items": "1", "keys": "2"}}))[0]


def test_data_is_text_never_markup() -> None:
    nasty = '<script>alert(1)</script><img src="file:///etc/passwd">&amp;'
    assert nasty in text_of(render(probe(css="@page { margin: 0 } html { font-size: 3pt }"), {"text": nasty}))[0]
    page = render_preview(probe(), {"text": nasty})
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A web server nobody should call, and the list of those who did."""
    calls: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    calls.append(connection.recv(200).decode(errors="replace"))
                    if b"stop" in calls[-1].encode():
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], calls
        with socket.create_connection(server.getsockname()) as last:
            last.sendall(b"stop")
        thread.join()


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}/a", "file://{file}", "FILE://{file}", "ftp://127.0.0.1/a"]
)
@pytest.mark.parametrize(
    "html",
    [
        '<img src="{address}">',
        '<img src="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22%3E'
        '%3Cimage href=%22{address}%22 width=%229%22 height=%229%22/%3E%3C/svg%3E">',
        '<link rel="stylesheet" href="{address}">',
        '<link rel="attachment" href="{address}">',
        '<a rel="attachment" href="{address}">x</a>',
        '<object data="{address}"></object>',
        '<embed src="{address}">',
        '<style>@import url("{address}");</style>',
        '<div style="background: url({address})">x</div>',
        '<div style="list-style-image: url({address}); display: list-item">x</div>',
        '<style>@font-face {{ font-family: f; src: url("{address}") }}</style>',
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{address}" width="9" /></svg>',
    ],
)
def test_printing_loads_nothing_from_outside(
    html: str, address: str, tmp_path: Path, listener: tuple[int, list[str]]
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret of this machine")
    port, calls = listener
    layout = probe(html.format(address=address.format(port=port, file=secret)))
    with pytest.raises(LayoutBroken, match="外部资源"):
        render(layout, {"text": "x"})
    assert calls == []
    with pytest.raises(LayoutRefused):
        review(layout)
    assert calls == []
    assert render(probe(), {"text": "x"}), "the next print is not held back by the refusal"


def test_a_picture_inside_the_layout_is_printed() -> None:
    buffer = io.BytesIO()
    Image.new("L", (1, 1), 0).save(buffer, "PNG")
    dot = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    layout = probe(f'<img src="{dot}" style="width: 20mm; height: 20mm; display: block">', "@page { margin: 0 }")
    picture = pypdfium2.PdfDocument(render(layout, {}))[0].render(scale=1).to_pil().convert("L")
    assert picture.getpixel((20, 20)) < 20
    assert picture.getpixel((80, 20)) > 235


# -- preview and review


@pytest.mark.parametrize("form", FORMS)
def test_a_preview_is_the_form_and_runs_nothing(form: str) -> None:
    layout = shipped(form)
    page = render_preview(layout, layout.sample)
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert layout.sample["hospital"] in page
    assert layout.css in page


def test_a_style_sheet_can_not_break_out_of_the_preview() -> None:
    page = render_preview(probe(css="p { color: red } </style><script>alert(1)</script>"), {"text": "x"})
    assert "</style><script" not in page
    assert page.count("</style>") == 1


@pytest.mark.parametrize("form", FORMS)
def test_shipped_layouts_pass_their_own_review(form: str) -> None:
    for layout in shipped_layouts(form):
        review(layout)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"form": "../x"}, "表单代码"),
        ({"version": 0}, "版本号"),
        ({"title": " "}, "表单名称"),
        ({"html": "x" * 200_001}, "200000"),
        ({"effective_from": datetime(2026, 1, 1)}, "时区"),  # noqa: DTZ001  the point of the case
        ({"html": "{{ nobody }}"}, "未定义的字段：nobody"),
        ({"html": "{{ text|safe }}"}, "safe"),
        ({"html": "<script>1</script>"}, "<script>"),
        ({"html": '<iframe src="x"></iframe>'}, "<iframe>"),
        ({"html": '<p onclick="x">1</p>'}, "onclick"),
        ({"html": '<img src="logo.png">'}, "data:"),
        ({"html": '<p style="background: url(http://a.example/)">1</p>'}, "外部地址"),
        ({"html": "<form><input></form>"}, "<form>"),
        ({"css": "@import 'a.css';"}, "@import"),
        ({"css": "@font-face { font-family: a; src: local(b) }"}, "@font-face"),
        ({"css": "p { background: url('//a.example/b.png') }"}, "外部地址"),
        ({"css": "p { background: url(file:///etc/passwd) }"}, "外部地址"),
        ({"css": "p { content: attr(title) }"}, "attr"),
        ({"css": "p { color: red"}, None),
        ({"css": "p } { color"}, "有误"),
        ({"fields": {"type": "array"}}, "对象"),
        ({"fields": {"type": "object", "properties": {"text": {"$ref": "http://a.example/schema"}}}}, "引用"),
        ({"fields": {"type": "objekt"}}, "JSON Schema"),
        ({"sample": {"text": 5}}, "text"),
        ({"html": "{{ rows.first.name }}"}, "无法打印"),
    ],
)
def test_review_says_what_is_wrong(changes: dict[str, Any], complaint: str | None) -> None:
    if complaint is None:
        review(probe(**changes))
        return
    with pytest.raises(LayoutRefused) as caught:
        review(probe(**changes))
    assert complaint in caught.value.detail
    assert caught.value.errors


def test_a_layout_must_print_what_the_programs_send_today() -> None:
    layout = shipped("registration_slip")
    demanding = {**layout.fields, "required": [*layout.fields["required"], "blood_type"]}
    demanding["properties"] = {**layout.fields["properties"], "blood_type": {"type": "string", "title": "血型"}}
    sample = {**layout.sample, "blood_type": "A"}
    with pytest.raises(LayoutRefused, match="血型"):
        review(replace(layout, version=2, fields=demanding, sample=sample))
    optional = {**demanding, "required": layout.fields["required"]}
    review(replace(layout, version=2, fields=optional, sample=sample))


def test_a_layout_must_print_without_its_optional_fields() -> None:
    layout = shipped("payment_slip")
    careless = layout.html.replace("{% if receipt %}", "{% if receipt.code %}")
    with pytest.raises(LayoutRefused, match="无法打印"):
        review(replace(layout, html=careless))
