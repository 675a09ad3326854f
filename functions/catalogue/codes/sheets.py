"""Spreadsheets as rows of cells, as they stand in the file: workbooks, old and new, and CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from numbers import Real

from functions.catalogue.codes.problems import FileUnreadable
from shared.spreadsheets import COMPOUND, ZIP, Cell, WorkbookRefused, workbook_rows

Row = Sequence[Cell]
MAX_ROWS = 300_000
"""Rows of one spreadsheet (spec P-codes, "Bad input and faults")."""


def read_rows(content: bytes, name: str, sheet: str | None = None) -> Iterator[Row]:
    """Rows of a spreadsheet from its first line on; a merged area has its text in its first cell only.

    What it is, its bytes say; a text is read as CSV if its name says so. `sheet` names the sheet; without it the first
    one. Raises FileUnreadable.
    """
    as_text = name.lower().endswith(".csv") and not content.startswith((ZIP, COMPOUND))
    rows = _csv_rows(content) if as_text else _workbook_rows(content, sheet)
    for number, row in enumerate(islice(rows, MAX_ROWS + 1)):
        if number == MAX_ROWS:
            raise FileUnreadable(f"表格超过 {MAX_ROWS} 行，请拆分后导入。")
        yield row


def _workbook_rows(content: bytes, sheet: str | None) -> Iterator[Row]:
    try:
        yield from workbook_rows(content, sheet)
    except WorkbookRefused as refused:
        raise FileUnreadable(str(refused)) from refused


def _csv_rows(content: bytes) -> Iterator[Row]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            yield from csv.reader(io.StringIO(text, newline=""), strict=True)
        except csv.Error as error:
            raise FileUnreadable("CSV 文件格式有误，请检查引号与换行。") from error
        return
    raise FileUnreadable("CSV 文件须为 UTF-8 或 GB18030 编码。")


def plain(cell: Cell | None) -> str:
    """A cell as text; a number as a person would write it."""
    if cell is None:
        return ""
    if isinstance(cell, Real) and not isinstance(cell, bool):
        return f"{Decimal(str(cell)).normalize():f}"
    return str(cell).strip()
