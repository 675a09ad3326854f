"""Codes are read back from what is drawn: bars by their own decoder, QR modules from the printed page."""

import re
from datetime import UTC, datetime
from itertools import pairwise

import pypdfium2
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from shared.printing import Layout, Paper, render
from shared.printing.barcodes import code128, code128_values, qr

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=24)
NUMBERS = st.from_regex(r"[A-Z]{0,3}[0-9]{1,14}[A-Z]{0,2}[0-9]{0,7}", fullmatch=True)


def scan_values(values: list[int]) -> str:
    """What a scanner makes of sign values: sets B and C, check sign proved."""
    *body, check = values
    assert check == (body[0] + sum(place * value for place, value in enumerate(body[1:], start=1))) % 103
    text, in_c = "", {104: False, 105: True}[body[0]]
    for value in body[1:]:
        if in_c and value == 100:
            in_c = False
        elif not in_c and value == 99:
            in_c = True
        else:
            text += f"{value:02d}" if in_c else chr(value + 32)
    return text


@given(st.one_of(PRINTABLE, NUMBERS))
def test_code128_reads_back(text: str) -> None:
    assert scan_values(code128_values(text)) == text


@given(st.from_regex(r"[0-9]{4,20}", fullmatch=True))
def test_digits_are_packed_in_pairs(digits: str) -> None:
    # start, check, a sign for each pair, and two more for a single digit left over
    assert len(code128_values(digits)) == 2 + len(digits) // 2 + (2 if len(digits) % 2 else 0)


@given(st.one_of(PRINTABLE, NUMBERS))
def test_code128_is_drawn_as_the_standard_lays_it_out(text: str) -> None:
    svg = code128(text)
    width = int(re.findall(r'viewBox="0 0 (\d+) 1"', svg)[0])
    bars = [(int(x), int(w)) for x, w in re.findall(r"M(\d+) \.5h(\d)", svg)]
    signs = len(code128_values(text))
    assert width == 2 * 10 + 11 * signs + 13
    assert len(bars) == 3 * signs + 4
    assert bars[0][0] == 10
    assert bars[-1][0] + bars[-1][1] == width - 10
    assert [w for _, w in bars[-4:]] == [2, 3, 1, 2]
    assert all(left + w < right for (left, w), (right, _) in pairwise(bars))
    for sign in range(signs):
        assert sum(w for _, w in bars[3 * sign : 3 * sign + 3]) % 2 == 0, "bars of every sign add up to an even width"


@pytest.mark.parametrize("text", ["", "挂号", "a\tb", "\x7f"])
def test_code128_refuses_what_it_cannot_carry(text: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        code128(text)


def test_sizes_can_not_leave_their_attribute() -> None:
    assert "<script>" not in qr("1", '22mm"><script>')


def test_every_module_of_the_qr_code_is_on_the_paper() -> None:
    layout = Layout(
        form="probe",
        version=1,
        title="probe",
        paper=Paper.ROLL,
        html='{{ text|qr("29mm") }}',
        css="@page { margin: 0 }",
        fields={"type": "object", "properties": {"text": {"type": "string"}}},
        effective_from=datetime(2026, 1, 1, tzinfo=UTC),
    )
    text = "H26030200187"
    page = pypdfium2.PdfDocument(render(layout, {"text": text}))[0]
    picture = page.render(scale=300 / 72).to_pil().convert("L")
    matrix = segno.make(text, error="m", micro=False, boost_error=False).matrix
    module = 29 / 25.4 * 300 / (len(matrix) + 8)
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            at = (round((x + 4.5) * module), round((y + 4.5) * module))
            assert (picture.getpixel(at) < 128) == bool(dark), f"module {x}, {y}"
