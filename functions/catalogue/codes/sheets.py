"""Spreadsheets as rows of cells, as they stand in the file: XLSX by calamine, CSV by its own text."""

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from numbers import Real
from typing import Any

from functions.catalogue.codes.problems import FileUnreadable

Cell = Any
"""A text, a number, a date or a time, as the file has it; an empty text for nothing."""
Row = Sequence[Cell]
MAX_ROWS = 300_000
"""Rows of one spreadsheet (spec P-codes, "Bad input and faults")."""


def read_rows(content: bytes, name: str, sheet: str | None = None) -> Iterator[Row]:
    """Rows of a spreadsheet from its first line on; a merged area has its text in its first cell only.

    `sheet` names the sheet; without it the first one. Raises FileUnreadable.
    """
    rows = _csv_rows(content) if name.lower().endswith(".csv") else _workbook_rows(content, sheet)
    for number, row in enumerate(islice(rows, MAX_ROWS + 1)):
        if number == MAX_ROWS:
            raise FileUnreadable(f"表格超过 {MAX_ROWS} 行，请拆分后导入。")
        yield row


def _workbook_rows(content: bytes, sheet: str | None) -> Iterator[Row]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book: Any = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = book.sheet_names
        if not names or (sheet is not None and sheet not in names):
            raise FileUnreadable(f"文件中没有工作表“{sheet or ''}”，请核对；现有：{'、'.join(names)}。")
        found = book.get_sheet_by_name(sheet or names[0])
        yield from found.to_python(skip_empty_area=False)
    except CalamineError as error:
        raise FileUnreadable("无法读取该 Excel 文件，请用 Excel 另存为 .xlsx 后重试。") from error


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
