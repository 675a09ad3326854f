"""Every shipped form looks as it did when somebody last looked at it.

The baselines in print_baselines/ are small grey pictures. After a wanted change run these tests with
HIS_PRINT_BASELINES=write, look at the pictures that changed, and commit them with the layout.
"""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageFilter

from shared.printing import Layout, Paper, render, shipped_forms, shipped_layouts

BASELINES = Path(__file__).parent / "print_baselines"
WRITE = os.environ.get("HIS_PRINT_BASELINES") == "write"
DOTS_PER_INCH = {Paper.ROLL: 120, Paper.A5: 100, Paper.A4: 100}
BLOCK = 6
TOLERANCE = 22
"""Grey levels (of 255) the mean of a block of 6 x 6 dots may differ after a slight blur. A glyph drawn by another
version of the font engine stays below 10; a digit that vanishes or moves by 0.5 mm is beyond 40."""

SHIPPED = [(form, layout.version) for form in shipped_forms() for layout in shipped_layouts(form)]


def shipped(form: str, version: int = 1) -> Layout:
    return next(layout for layout in shipped_layouts(form) if layout.version == version)


def pictures(layout: Layout, reprint: int = 0) -> list[Image.Image]:
    """Pages as the printer draws them, grey, in sixteen levels."""
    pages = pypdfium2.PdfDocument(render(layout, layout.sample, reprint=reprint))
    scale = DOTS_PER_INCH[layout.paper] / 72
    return [page.render(scale=scale).to_pil().convert("L").point(lambda grey: grey // 17 * 17) for page in pages]


def difference(one: Image.Image, other: Image.Image) -> float:
    """The largest difference of any block, in grey levels; a page of another size differs wholly."""
    if abs(one.width - other.width) > 1 or abs(one.height - other.height) > 1:
        return 255.0
    size = (min(one.width, other.width), min(one.height, other.height))
    blurred = [page.crop((0, 0, *size)).filter(ImageFilter.BoxBlur(1)) for page in (one, other)]
    _, worst = ImageChops.difference(*blurred).reduce(BLOCK).getextrema()
    return float(worst)


def baseline(form: str, version: int, page: int) -> Path:
    return BASELINES / f"{form}-{version}-{page}.png"


def stored(form: str, version: int = 1) -> list[Image.Image]:
    paths = sorted(BASELINES.glob(f"{form}-{version}-*.png"))
    return [Image.open(path) for path in paths]


def worst(now: list[Image.Image], then: list[Image.Image]) -> float:
    return max(map(difference, now, then)) if len(now) == len(then) > 0 else 255.0


@pytest.mark.parametrize(("form", "version"), SHIPPED)
def test_the_form_looks_as_it_did(form: str, version: int) -> None:
    now = pictures(shipped(form, version))
    if WRITE:
        for path in BASELINES.glob(f"{form}-{version}-*.png"):
            path.unlink()
        for number, page in enumerate(now, start=1):
            buffer = io.BytesIO()
            page.quantize(16).save(buffer, "PNG", optimize=True)
            baseline(form, version, number).write_bytes(buffer.getvalue())
    then = [page.convert("L") for page in stored(form, version)]
    assert len(now) == len(then), f"{form} has {len(now)} pages, its baseline {len(then)}"
    assert worst(now, then) <= TOLERANCE, f"{form} changed; look, then HIS_PRINT_BASELINES=write"


def expressions(layout: Layout) -> Iterator[tuple[str, Layout]]:
    """The layout once for each field it shows, with only that field invisible and everything else in its place."""
    for found in re.finditer(r"{{.*?}}", layout.html):
        hidden = f'<span style="visibility: hidden">{found.group()}</span>'
        yield found.group(), replace(layout, html=layout.html[: found.start()] + hidden + layout.html[found.end() :])


@pytest.mark.parametrize(
    ("shown", "layout"),
    [
        pytest.param(*case, id=f"{form}-{case[0]}")
        for form in ("registration_slip",)
        for case in expressions(shipped(form))
    ],
)
def test_a_field_that_vanishes_from_a_slip_is_seen(shown: str, layout: Layout) -> None:
    then = [page.convert("L") for page in stored(layout.form)]
    assert worst(pictures(layout), then) > TOLERANCE, shown


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("payment_slip", "{{ item.quantity|quantity }}"),
        ("payment_slip", "{{ change|money }}"),
        ("refund_slip", "{{ loop.index }}"),
        ("refund_slip", "{{ line.price|price }}"),
        ("shift_report", "{{ cash.difference|money }}"),
        ("shift_report", "{{ tender.out_count }}"),
        ("hand_in_slip", "{{ face.count }}"),
        ("fee_list", "{{ line.insurance_level }}"),
        ("fee_list", "{{ insurance.account|money }}"),
    ],
)
def test_the_smallest_field_that_vanishes_is_seen(form: str, shown: str) -> None:
    changed = dict(expressions(shipped(form)))[shown]
    assert worst(pictures(changed), [page.convert("L") for page in stored(form)]) > TOLERANCE


@pytest.mark.parametrize(
    ("form", "moved"),
    [
        ("registration_slip", ".facts td { padding-left: 0.6mm }"),
        ("payment_slip", ".total td { padding-right: 0.6mm }"),
        ("refund_slip", ".no { top: 7.1mm }"),
        ("fee_list", ".lines .level { padding-left: 2.4mm }"),
    ],
)
def test_a_field_that_moves_is_seen(form: str, moved: str) -> None:
    layout = shipped(form)
    changed = replace(layout, css=layout.css + moved)
    assert worst(pictures(changed), [page.convert("L") for page in stored(form)]) > TOLERANCE


@pytest.mark.parametrize("value", ["150.00", "15.01", "16.00"])
def test_another_amount_is_seen(value: str) -> None:
    layout = shipped("registration_slip")
    changed = replace(layout, sample={**layout.sample, "fee": value})
    assert worst(pictures(changed), [page.convert("L") for page in stored("registration_slip")]) > TOLERANCE


def test_a_shade_of_a_dot_is_no_change() -> None:
    page = pictures(shipped("registration_slip"))[0]
    assert difference(page, page.filter(ImageFilter.GaussianBlur(0.3))) <= TOLERANCE
    assert difference(page, page.point(lambda grey: min(255, grey + 10))) <= TOLERANCE


def test_pages_that_come_or_go_are_seen() -> None:
    page = pictures(shipped("registration_slip"))[0]
    assert worst([page, page], [page]) == 255.0
    assert worst([], []) == 255.0
    assert difference(page, page.crop((0, 0, page.width, page.height - 4))) == 255.0


@pytest.mark.parametrize(("form", "version"), SHIPPED)
def test_no_form_names_a_font(form: str, version: int) -> None:
    """Paper looks alike wherever it is printed: the house's font is the only one the image carries."""
    assert "font-family" not in shipped(form, version).css
