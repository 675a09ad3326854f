"""Drawing: template, then HTML, then PDF by WeasyPrint.

WeasyPrint is imported on the first print, not at start. Pango's font map may not be shared by threads, so each
thread keeps its own press: fonts found once, style sheets parsed once.
"""

import atexit
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import TYPE_CHECKING, Any

from shared.printing.data import prepare
from shared.printing.layout import Layout, Paper, shipped_forms, shipped_layouts
from shared.printing.problems import LayoutBroken, PrintFontMissing

if TYPE_CHECKING:
    from weasyprint import CSS, Document

LOGGER = logging.getLogger(__name__)

FONTS = '"Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"'
_ROLL_HEIGHT = "3000mm"
_END = "paper-end"
_OUTSIDE = "版式引用了外部资源，已拒绝打印。图片须以 data: 形式写在版式内。"
_PIXELS_PER_MM = 96 / 25.4

_COMMON_CSS = f"""
html {{ font-family: {FONTS}, sans-serif; color: black; line-height: 1.35; font-size: 9pt; }}
body {{ margin: 0; }}
table {{ border-collapse: collapse; border-spacing: 0; width: 100%; }}
th, td {{ padding: 0; text-align: left; vertical-align: baseline; }}
p, h1, h2, h3, ul, ol {{ margin: 0; }}
svg {{ display: block; }}
.reprint {{ border: 0.4mm solid black; font-weight: bold; text-align: center; margin: 0 0 1.5mm; padding: 0.3mm 0; }}
.{_END} {{ padding-top: 0.1mm; }}
"""
_PAPER_CSS = {
    Paper.ROLL: f"@page {{ size: 80mm {_ROLL_HEIGHT}; margin: 3mm 4mm 4mm; }}",
    Paper.A5: "@page { size: A5; margin: 10mm; }",
    Paper.A4: "@page { size: A4; margin: 14mm 12mm; }",
}
_LANDSCAPE_CSS = {Paper.A5: "@page { size: A5 landscape; }", Paper.A4: "@page { size: A4 landscape; }"}


_PRESS_ROOM = ThreadPoolExecutor(1, "press")
"""One form at a time in a process: drawing is computation, and several at once only slow each other and the counter."""


def render(layout: Layout, data: Mapping[str, Any], *, reprint: int = 0) -> bytes:
    """The form as PDF, ready for the printer. Drawn in the press room, one form after the other.

    `reprint` is 0 for the first print and counts reprints (补打) from 1; the mark is put on every page by the press
    itself, so that no layout can leave it out. Raises PrintDataMissing or PrintDataInvalid for the data,
    LayoutBroken for the layout, PrintFontMissing when the machine has no Chinese font.
    """
    return _PRESS_ROOM.submit(_draw, layout, data, reprint).result()


def _draw(layout: Layout, data: Mapping[str, Any], reprint: int) -> bytes:
    from weasyprint import HTML
    from weasyprint.urls import FatalURLFetchingError

    press = _press()
    press.fetcher.refused.clear()
    page = _page(layout, data, reprint, style="")
    try:
        html = HTML(string=page, url_fetcher=press.fetcher, base_url=None)
        document = html.render(font_config=press.fonts, stylesheets=press.styles(layout, reprint), cache={})
        if layout.paper is Paper.ROLL:
            _cut(document)
        pdf: bytes = document.write_pdf()
    except FatalURLFetchingError as error:
        raise LayoutBroken(_OUTSIDE) from error
    if press.fetcher.refused:
        # WeasyPrint swallows the refusal inside a drawing and would leave a hole.
        raise LayoutBroken(_OUTSIDE)
    _check_glyphs(layout, document)
    return pdf


def render_preview(layout: Layout, data: Mapping[str, Any], *, reprint: int = 0) -> str:
    """The same form as one HTML page for a screen. It may run no script and load nothing."""
    style = "".join(_sheets(layout, reprint)).replace("</", "<\\/")
    return _page(layout, data, reprint, style=f"<style>{style}</style>")


def warm_up() -> None:
    """Load the press and find the fonts, some 1.5 s of work that the first patient of the morning need not wait for.

    For a thread of a function that prints, once it is ready.
    """
    layout = shipped_layouts(shipped_forms()[0])[-1]
    render(layout, layout.sample)


def _page(layout: Layout, data: Mapping[str, Any], reprint: int, style: str) -> str:
    from shared.printing.template import fill

    body = fill(layout.html, prepare(layout, data))
    mark = f'<div class="reprint">{_mark(reprint)}</div>' if reprint and layout.paper is Paper.ROLL else ""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(layout.title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">{style}</head>'
        f'<body>{mark}{body}<div id="{_END}" class="{_END}"></div></body></html>'
    )


def _mark(reprint: int) -> str:
    return f"补打　第 {reprint} 次"


def _sheets(layout: Layout, reprint: int) -> list[str]:
    sheets = [_PAPER_CSS[layout.paper], _COMMON_CSS]
    if layout.landscape and layout.paper in _LANDSCAPE_CSS:
        sheets.append(_LANDSCAPE_CSS[layout.paper])
    sheets.append(layout.css)
    if reprint:
        sheets.append(_mark_sheet(layout.paper, reprint))
    return sheets


def _mark_sheet(paper: Paper, reprint: int) -> str:
    """Comes last and is important, which a layout's own style may not be (see review): the mark can't be hidden."""
    looks = f"font: bold 10pt {FONTS}; color: black; visibility: visible; width: auto; height: auto;"
    looks = looks.replace(";", " !important;")
    if paper is Paper.ROLL:
        return f".reprint {{ display: block !important; position: static !important; {looks} }}"
    return f'@page {{ @top-right {{ content: "{_mark(reprint)}" !important; {looks} }} }}'


class _Press:
    """What one thread needs to print: its fonts and the style sheets it has parsed."""

    def __init__(self) -> None:
        from weasyprint.text.fonts import FontConfiguration

        self.fonts = FontConfiguration()
        self.fetcher = _inline_only()
        self._parsed: dict[str, CSS] = {}

    def styles(self, layout: Layout, reprint: int) -> "list[CSS]":
        return [self._parse(sheet) for sheet in _sheets(layout, reprint)]

    def _parse(self, text: str) -> "CSS":
        from weasyprint import CSS

        if text not in self._parsed:
            if len(self._parsed) >= 256:
                self._parsed.clear()
            self._parsed[text] = CSS(string=text, url_fetcher=self.fetcher, font_config=self.fonts)
        return self._parsed[text]


_THREAD = threading.local()


@atexit.register
def _put_away() -> None:
    """A press that outlives the interpreter's modules complains while it is collected."""
    _THREAD.__dict__.clear()


def _press() -> _Press:
    press: _Press | None = getattr(_THREAD, "press", None)
    if press is None:
        press = _THREAD.press = _Press()
    return press


def _inline_only() -> Any:
    """A fetcher that opens data: addresses and fails the print for any other, file and network alike."""
    from weasyprint.urls import URLFetcher

    class InlineOnly(URLFetcher):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(allowed_protocols=("data",), allow_redirects=False, fail_on_errors=True)
            self.refused: list[str] = []

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
            if url[:5].lower() != "data:":
                self.refused.append(url)
            return super().fetch(url, headers)

    return InlineOnly()


def _cut(document: "Document") -> None:
    """End the roll where the content ends."""
    page = document.pages[-1]
    bottom = page.anchors[_END][1]
    margin = 4 * _PIXELS_PER_MM
    page.height = min(page.height, bottom + margin)


def _check_glyphs(layout: Layout, document: "Document") -> None:
    """Refuse to print boxes instead of Chinese; note a rare character the font lacks (no name is logged)."""
    missing = {code for font in document.fonts.values() for code in font.missing}
    if any(0x4E00 <= code <= 0x9FA5 for code in missing):
        raise PrintFontMissing("打印服务器未安装中文字体，请联系信息科。")
    if missing:
        LOGGER.warning(
            "form %s version %s: no glyph for %s",
            layout.form,
            layout.version,
            ", ".join(sorted(f"U+{code:04X}" for code in missing)),
        )
