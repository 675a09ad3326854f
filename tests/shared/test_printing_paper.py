"""What comes out of the printer."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from shared.printing import (
    LayoutRefused,
    Paper,
    render,
    render_preview,
)
from shared.printing.review import review
from shared.settings import REPOSITORY
from tests.shared.print_probe import FORMS, probe, shipped, text_of


def test_the_roll_is_as_long_as_the_content() -> None:
    layout = probe("{% for row in rows %}<p>{{ row }}</p>{% endfor %}")
    heights = {}
    for count in (1, 10, 100):
        page = pypdfium2.PdfDocument(render(layout, {"rows": [f"第{i}行" for i in range(count)]}))
        assert len(page) == 1
        width, heights[count] = (size / 72 * 25.4 for size in page[0].get_size())
        assert width == pytest.approx(80, abs=0.1)
        picture = page[0].render(scale=2).to_pil().convert("L").point(lambda grey: 255 if grey < 128 else 0)
        left, top, right, bottom = picture.getbbox()
        assert (picture.height - bottom) / 2 / 72 * 25.4 < 6, "no paper is wasted at the end"
        assert min(left, picture.width - right) / 2 / 72 * 25.4 > 3.5, "the head does not reach the edges"
        assert top / 2 / 72 * 25.4 > 2.5
    line = (heights[100] - heights[10]) / 90
    assert heights[10] - heights[1] == pytest.approx(9 * line, abs=0.3)
    assert line == pytest.approx(9 * 1.35 / 72 * 25.4, abs=0.1)


@pytest.mark.parametrize("form", FORMS)
def test_every_field_of_the_sample_is_on_the_paper(form: str) -> None:
    layout = shipped(form)
    pdf = render(layout, layout.sample)
    size = pypdfium2.PdfDocument(pdf)[0].get_size()
    expected = {Paper.ROLL: 80.0, Paper.A5: 210.0 if layout.landscape else 148.0, Paper.A4: 210.0}[layout.paper]
    assert size[0] / 72 * 25.4 == pytest.approx(expected, abs=0.1)
    text = "".join("".join(text_of(pdf)).split())
    for word in _words(layout.sample):
        assert "".join(word.split()) in text, word


def _words(value: Any) -> Iterator[str]:
    """Words of the sample that stand on the paper as they are: no times, amounts, masked names or code contents."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("url", "price", "face", "quantity") and not name.endswith(("_at", "_until", "_date")):
                yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str) and value != "欧阳明远":
        try:
            yield f"{Decimal(value):,.2f}" if "." in value else value
        except ArithmeticError:
            yield value


@pytest.mark.parametrize("form", FORMS)
def test_a_form_prints_with_the_least_data_it_accepts(form: str) -> None:
    layout = shipped(form)
    least = {name: value for name, value in layout.sample.items() if name in layout.fields["required"]}
    assert "None" not in "".join(text_of(render(layout, least)))


def test_the_widest_values_stay_on_their_line() -> None:
    layout = shipped("registration_slip")
    wide = {"queue_no": "现场候诊", "time_band": "14:30–15:00", "floor": "导诊台", "room": "导诊台", "building": None}
    as_usual, as_wide = (
        pypdfium2.PdfDocument(render(layout, {**layout.sample, **changes}))[0] for changes in ({}, wide)
    )
    assert as_wide.get_height() == pytest.approx(as_usual.get_height(), abs=0.5)
    assert as_wide.get_textpage().get_text_range().count("导诊台") == 1


def test_a_slip_without_receipt_says_so() -> None:
    layout = shipped("payment_slip")
    assert "电子票据稍后开具" in text_of(render(layout, {**layout.sample, "receipt": None}))[0]
    assert "电子票据稍后开具" not in text_of(render(layout, layout.sample))[0]


def test_a_long_list_repeats_its_head_and_numbers_its_pages() -> None:
    layout = shipped("fee_list")
    group = layout.sample["groups"][0]
    data = {**layout.sample, "groups": [{**group, "lines": group["lines"] * 30}]}
    pages = text_of(render(layout, data, reprint=3))
    assert len(pages) == 3
    for number, page in enumerate(pages, start=1):
        text = "".join(page.split())
        assert f"第{number}页共3页" in text
        assert "项目名称" in text or number == len(pages)
        assert "补打第3次" in text
    assert sum(page.count("阿司匹林肠溶片") for page in pages) == 30


@pytest.mark.parametrize(("form", "reprint"), [("registration_slip", 1), ("refund_slip", 12), ("shift_report", 3)])
def test_a_reprint_says_so_and_how_often(form: str, reprint: int) -> None:
    layout = shipped(form)
    first = "".join("".join(text_of(render(layout, layout.sample))).split())
    again = "".join("".join(text_of(render(layout, layout.sample, reprint=reprint))).split())
    assert "补打" not in first
    assert f"补打第{reprint}次" in again
    assert f"补打　第 {reprint} 次" in render_preview(layout, layout.sample, reprint=reprint)


@pytest.mark.parametrize(
    ("paper", "css"),
    [
        (Paper.ROLL, ".reprint { display: none; color: white }"),
        (Paper.A4, "@page { @top-right { content: none; color: white } }"),
        (Paper.A4, "@page :first { @top-right { content: none } }"),
    ],
)
def test_no_layout_can_leave_the_mark_out(paper: Paper, css: str) -> None:
    pdf = render(probe(css=css, paper=paper), {"text": "内容"}, reprint=2)
    assert "补打第2次" in "".join(text_of(pdf)[0].split())
    with pytest.raises(LayoutRefused, match="important"):
        review(probe(css=css.replace(": none", ": none !important"), paper=paper))


def test_the_same_data_gives_the_same_bytes_in_any_thread() -> None:
    layouts = [shipped("registration_slip"), shipped("payment_slip")] * 4
    alone = [render(layout, layout.sample) for layout in layouts[:2]] * 4
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda layout: render(layout, layout.sample), layouts))
    assert together == alone


def test_nothing_heavy_is_imported_before_the_first_print() -> None:
    code = (
        "import sys, shared.printing\n"
        "heavy = {'weasyprint', 'jinja2', 'jsonschema', 'fontTools'}\n"
        "before = sorted(heavy & sys.modules.keys())\n"
        "shared.printing.warm_up()\n"
        "print([before, sorted(heavy - sys.modules.keys())])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout.replace("'", '"')) == [[], []]


def test_a_machine_without_chinese_fonts_refuses_to_print_boxes(tmp_path: Path) -> None:
    fonts = FontBuilder(1000, isTTF=True)
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((500, 0))
    pen.lineTo((500, 700))
    pen.closePath()
    fonts.setupGlyphOrder([".notdef", *"abc"])
    fonts.setupCharacterMap({ord(sign): sign for sign in "abc"})
    fonts.setupGlyf(dict.fromkeys([".notdef", *"abc"], pen.glyph()))
    fonts.setupHorizontalMetrics(dict.fromkeys([".notdef", *"abc"], (600, 0)))
    fonts.setupHorizontalHeader(ascent=800, descent=-200)
    fonts.setupNameTable({"familyName": "Latin Only", "styleName": "Regular"})
    fonts.setupOS2()
    fonts.setupPost()
    (tmp_path / "fonts").mkdir()
    fonts.save(tmp_path / "fonts" / "latin.ttf")
    (tmp_path / "fonts.conf").write_text(
        f"<fontconfig><dir>{tmp_path}/fonts</dir><cachedir>{tmp_path}/cache</cachedir></fontconfig>"
    )
    code = (
        "from datetime import datetime, UTC\n"
        "from shared.printing import *\n"
        "layout = Layout(form='probe', version=1, title='x', paper=Paper.ROLL, html='{{ text }}', css='',"
        " fields={'type': 'object', 'properties': {'text': {}}}, effective_from=datetime.now(UTC))\n"
        "assert render(layout, {'text': 'abc'}).startswith(b'%PDF')\n"
        "try:\n    render(layout, {'text': '挂号'})\nexcept PrintFontMissing as problem:\n    print(problem.code)\n"
    )
    environment = {**os.environ, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "PYTHONUTF8": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.stdout.strip() == "print_font_missing", answer.stderr[-2000:]


def test_a_rare_character_is_noted_without_the_name(caplog: pytest.LogCaptureFixture) -> None:
    assert render(probe(), {"text": "张\ue0ff"}).startswith(b"%PDF")
    assert "U+E0FF" in caplog.text
    assert "张" not in caplog.text
