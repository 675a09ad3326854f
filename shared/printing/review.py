"""What a layout must satisfy before it may be published."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from shared.printing.data import check_schema, prepare
from shared.printing.layout import Layout, shipped_layouts
from shared.printing.problems import LayoutRefused
from shared.problems import Problem

_FORM = re.compile(r"[a-z][a-z0-9_]{1,39}")
_MAX_CHARS = 200_000
# fmt: off
_TAGS = frozenset(
    (
        "article", "b", "br", "caption", "col", "colgroup", "dd", "div", "dl", "dt", "em", "footer", "h1", "h2",
        "h3", "h4", "header", "hr", "i", "img", "li", "main", "ol", "p", "section", "small", "span", "strong", "sub",
        "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "svg", "path", "g", "rect", "line",
        "circle", "text",
    )
)
_ATTRIBUTES = frozenset(
    (
        "alt", "class", "colspan", "height", "id", "lang", "rowspan", "scope", "src", "style", "title", "width",
        "xmlns", "viewbox", "preserveaspectratio", "d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "fill",
        "stroke", "stroke-width", "transform",
    )
)
# fmt: on


def review(layout: Layout) -> None:
    """Print the layout with its sample and look at what it is made of.

    Raises LayoutRefused with one entry in `errors` for each rule broken: an unknown field, a tag or attribute that
    could run or load something, a style sheet that imports, a sample that does not fit its own schema.
    """
    errors = [*_frame(layout), *_style(layout.css)]
    if not errors:
        try:
            check_schema(layout)
            errors += _fields(layout)
            errors += _markup(layout)
            if not errors:
                _print_samples(layout)
        except Problem as problem:
            errors.append(_entry("layout", problem.detail))
    if errors:
        raise LayoutRefused("；".join(error["message"] for error in errors), errors=errors)


def _entry(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}


def _frame(layout: Layout) -> list[dict[str, str]]:
    errors = []
    if not _FORM.fullmatch(layout.form):
        errors.append(_entry("form", "表单代码只能用小写字母、数字和下划线"))
    if layout.version < 1:
        errors.append(_entry("version", "版本号从 1 开始"))
    if not layout.title.strip():
        errors.append(_entry("title", "请填写表单名称"))
    if len(layout.html) + len(layout.css) > _MAX_CHARS:
        errors.append(_entry("html", f"版式超过 {_MAX_CHARS} 字"))
    if layout.effective_from.tzinfo is None:
        errors.append(_entry("effective_from", "生效时间须带时区"))
    return errors


def _fields(layout: Layout) -> list[dict[str, str]]:
    from shared.printing.template import used_fields

    unknown = used_fields(layout.html) - set(layout.fields.get("properties", {}))
    return [_entry("html", f"使用了未定义的字段：{name}") for name in sorted(unknown)]


def _print_samples(layout: Layout) -> None:
    """Print what the form will meet: its own sample, the least data it accepts, and what the programs send today."""
    from shared.printing.render import render

    render(layout, layout.sample)
    render(layout, _least(layout.fields, layout.sample))
    shipped = shipped_layouts(layout.form)
    if shipped:
        render(layout, max(shipped, key=lambda known: known.version).sample)


def _least(schema: Mapping[str, Any], value: Any) -> Any:
    """A sample without its optional fields."""
    if isinstance(value, Mapping):
        required = schema.get("required", ())
        properties = schema.get("properties", {})
        return {name: _least(properties.get(name, {}), item) for name, item in value.items() if name in required}
    if isinstance(value, list):
        return [_least(schema.get("items", {}), item) for item in value]
    return value


def _markup(layout: Layout) -> list[dict[str, str]]:
    from shared.printing.template import fill

    inspector = _Inspector()
    inspector.feed(fill(layout.html, prepare(layout, layout.sample)))
    inspector.close()
    return [_entry("html", message) for message in dict.fromkeys(inspector.found)]


class _Inspector(HTMLParser):
    """Lists every tag and attribute that is not plain looks."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.found.append(f"不允许的标签：<{tag}>")
        for name, value in attrs:
            if name not in _ATTRIBUTES:
                self.found.append(f"不允许的属性：{name}")
            elif name == "src" and not (value or "").startswith("data:image/"):
                self.found.append("图片须以 data: 形式写在版式内")
            elif name == "style":
                self.found += [error["message"] for error in _style(f"a{{{value}}}")]


def _style(css: str) -> list[dict[str, str]]:
    import tinycss2  # type: ignore[import-untyped]

    found: dict[str, None] = {}
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    for token in _walk(rules):
        if token.type == "at-rule" and token.lower_at_keyword not in ("page", "media", *_MARGIN_BOXES):
            found[f"样式中不允许 @{token.at_keyword}"] = None
        elif token.type == "at-keyword" and token.lower_value not in _MARGIN_BOXES:
            found[f"样式中不允许 @{token.value}"] = None
        elif token.type == "url" and not token.value.startswith("data:"):
            found["样式不能引用外部地址"] = None
        elif token.type == "function" and token.lower_name == "url":
            if not all(part.type == "string" and part.value.startswith("data:") for part in token.arguments):
                found["样式不能引用外部地址"] = None
        elif token.type == "function" and token.lower_name in ("src", "image", "image-set", "attr"):
            found[f"样式中不允许 {token.name}()"] = None
        elif token.type == "ident" and token.lower_value == "important":
            found["样式中不允许 !important，否则可能遮住补打标记"] = None
        elif token.type == "error":
            found[f"样式第 {token.source_line} 行有误：{token.message}"] = None
    return [_entry("css", message) for message in found]


_MARGIN_BOXES = frozenset(
    f"{edge}-{place}"
    for edge, places in (
        ("top", ("left-corner", "left", "center", "right", "right-corner")),
        ("bottom", ("left-corner", "left", "center", "right", "right-corner")),
        ("left", ("top", "middle", "bottom")),
        ("right", ("top", "middle", "bottom")),
    )
    for place in places
)


def _walk(tokens: Any) -> Any:
    for token in tokens or ():
        yield token
        for inner in ("prelude", "content", "arguments"):
            children = getattr(token, inner, None)
            if isinstance(children, list):
                yield from _walk(children)
