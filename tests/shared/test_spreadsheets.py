"""Workbooks of both kinds as rows; damaged, protected and boundless ones are refused, and nothing else suffers."""

import io
from contextlib import suppress
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.settings import REPOSITORY
from shared.spreadsheets import COMPOUND, ZIP, WorkbookRefused, workbook_rows
from tests.support.old_excel import compound, old_workbook

SAVED_BY_A_PROGRAM = (REPOSITORY / "tests/catalogue/old_list.xls").read_bytes()
"""By a writer of Excel 97-2003, with a table of shared texts, short streams and formats."""


def new_workbook(rows: list[list[object]], far: str | None = None, styled: str | None = None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if far is not None:
        book.active[far] = "far"
    if styled is not None:
        book.active[styled].font = openpyxl.styles.Font(bold=True)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def refusal(content: bytes, **options: int) -> str:
    with pytest.raises(WorkbookRefused) as caught:
        list(workbook_rows(content, **options))
    return str(caught.value)


def test_a_file_of_a_real_program() -> None:
    assert list(workbook_rows(SAVED_BY_A_PROGRAM)) == [
        ["国家临床版", "", ""],
        ["诊断编码", "诊断名称", "说明"],
        ["K35.800", "急性阑尾炎", "001"],
        ["K35.900", "阑尾炎", "002"],
        ["I10.x00", "高血压", ""],
        [1.1, "存成数字的编码", ""],
        [date(2026, 1, 10), "存成日期的编码", ""],
    ]
    assert list(workbook_rows(SAVED_BY_A_PROGRAM, "说明")) == [["x"]]
    with pytest.raises(WorkbookRefused, match="现有：编码、说明"):
        list(workbook_rows(SAVED_BY_A_PROGRAM, "没有"))


@pytest.mark.parametrize("since_1904", [False, True])
def test_texts_numbers_and_dates(since_1904: bool) -> None:
    rows = [["编码", "日期"], ["00123", date(2026, 3, 1)], [7, date(1999, 12, 31)], [0.25, ""]]
    found = list(workbook_rows(old_workbook(rows, since_1904=since_1904)))
    assert [[cell.date() if isinstance(cell, datetime) else cell for cell in row] for row in found] == [
        ["编码", "日期"],
        ["00123", date(2026, 3, 1)],
        [7, date(1999, 12, 31)],
        [0.25, ""],
    ]
    assert isinstance(found[1][0], str), "leading zeros of a text stay"


def test_protected_ones_say_so() -> None:
    assert "密码" in refusal(old_workbook([["a"]], protected=True))
    assert "密码" in refusal(compound({"EncryptionInfo": b"", "EncryptedPackage": b"x"})), "an .xlsx with a password"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        COMPOUND,
        COMPOUND + bytes(600),
        ZIP,
        ZIP + b"no archive",
        b"<html><table><tr><td>1</td></tr></table></html>",
        compound({"WordDocument": b"a letter"}),
        SAVED_BY_A_PROGRAM[:3000],
        old_workbook([["编码", "名称"]] * 300)[:8192],
    ],
)
def test_damaged_ones_say_so(content: bytes) -> None:
    assert "已损坏" in refusal(content)


def test_what_ends_the_reader_ends_its_own_process_only() -> None:
    """A sheet said to end before it begins: the reader asks for 170 GB at once, and is ended."""
    at = SAVED_BY_A_PROGRAM.index(b"\x00\x02\x0e\x00")
    content = bytearray(SAVED_BY_A_PROGRAM)
    content[at + 5] = 0xFF
    assert "已损坏" in refusal(bytes(content))


@given(st.lists(st.tuples(st.integers(0, len(SAVED_BY_A_PROGRAM) - 1), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_any_damage_is_refused_or_read(changes: list[tuple[int, int]]) -> None:
    content = bytearray(SAVED_BY_A_PROGRAM)
    for place, value in changes:
        content[place] = value
    with suppress(WorkbookRefused):
        list(workbook_rows(bytes(content)))


def test_a_cell_at_the_far_corner_is_refused_before_memory_is_taken() -> None:
    assert "范围过大" in refusal(old_workbook([["a"]], far=(65535, 255)))
    assert "范围过大" in refusal(new_workbook([["a"]], far="XFD1048576"))
    assert list(workbook_rows(new_workbook([["a"]], styled="C900000"))) == [["a"]], "an empty cell takes nothing"
    assert len(list(workbook_rows(old_workbook([["a"]], far=(60000, 3))))) == 60001


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    content = new_workbook([["一样的文字" * 100] * 10] * 100)
    assert "展开后过大" in refusal(content, unpacked=1000)
    assert len(list(workbook_rows(content))) == 100


def test_many_tables_of_sectors_are_followed() -> None:
    rows = [[f"编码{number}", "名称" * 40] for number in range(20_000)]
    content = old_workbook(rows)
    assert len(content) > 109 * 128 * 512 // 4
    assert list(workbook_rows(content)) == rows
