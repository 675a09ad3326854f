"""Workbooks as staff save them (.xlsx, and .xls of Excel 97-2003) as rows of cells, told apart by their bytes.

What a workbook would take of memory is worked out before it is read: a few bytes can name a cell at the far corner of a
sheet, for which the reader would lay out everything before it.
"""

import io
import json
import re
import struct
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zipfile import ZipFile

Cell = Any
"""A text, a number, a date or a time, as the file has it; an empty text for nothing."""
MEBIBYTE = 1024 * 1024
ZIP = b"PK\x03\x04"
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How an .xlsx and an .xls begin."""
MOST_CELLS = 8_000_000
"""Cells of all sheets, empty ones between others counted: about 200 MB while they are read."""
APART_BYTES = 1024 * MEBIBYTE
APART_SECONDS = 60
"""What the process that reads an .xls may take."""
_CHUNK = MEBIBYTE
_FILLED = re.compile(rb'<(?:\w+:)?c\s(?:[^>]*?\s)?r="([A-Z]{1,3})(\d{1,7})"[^>]*(?<!/)>')
_PROTECTED = "文件有密码保护，请在 Excel 中取消密码后重新上传。"
_DAMAGED = "文件已损坏或不是 Excel 文件，请用 Excel 打开后另存为 .xlsx 重试。"


class WorkbookRefused(Exception):
    """Why a workbook is not read, in the words of those who sent it; each module makes its own refusal of it."""


def workbook_rows(content: bytes, sheet: str | None = None, unpacked: int = 256 * MEBIBYTE) -> Iterator[Sequence[Cell]]:
    """Rows of a sheet (the first one without a name) from its first line on; a merged area has its text in its first
    cell only. `unpacked`: bytes an .xlsx may unpack to. Raises WorkbookRefused."""
    from zipfile import BadZipFile
    from zlib import error as bad_stream

    try:
        if content.startswith(ZIP):
            _weigh_archive(content, unpacked)
            rows = _read(content, sheet)
        elif content.startswith(COMPOUND):
            _weigh_compound(content)
            rows = _read_apart(content, sheet)
        else:
            raise WorkbookRefused(_DAMAGED)
    except (BadZipFile, bad_stream, EOFError, ValueError, RuntimeError, struct.error, IndexError) as error:
        raise WorkbookRefused(_DAMAGED) from error
    yield from rows


def _read(content: bytes, sheet: str | None) -> Sequence[Sequence[Cell]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book: Any = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = book.sheet_names
        if not names or (sheet is not None and sheet not in names):
            raise WorkbookRefused(f"文件中没有工作表“{sheet or ''}”，请核对；现有：{'、'.join(names)}。")
        found: Sequence[Sequence[Cell]] = book.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False)
        return found
    except CalamineError as error:
        raise WorkbookRefused(_DAMAGED) from error
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        # The reader panics over some damaged files; its panic is no Exception and has no name to be caught by.
        raise WorkbookRefused(_DAMAGED) from error


def _read_apart(content: bytes, sheet: str | None) -> Sequence[Sequence[Cell]]:
    """Read an .xls in a process of its own with little memory: over some damaged ones the reader asks for so much that
    its process is ended, with everything else it does."""
    import subprocess

    asked = [sys.executable, "-P", __file__, *([sheet] if sheet is not None else [])]
    try:
        done = subprocess.run(asked, input=content, capture_output=True, timeout=APART_SECONDS, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise WorkbookRefused(_DAMAGED) from error
    answer: dict[str, Any] = json.loads(done.stdout, object_hook=_moment)
    if "refused" in answer:
        raise WorkbookRefused(str(answer["refused"]))
    rows: Sequence[Sequence[Cell]] = answer["rows"]
    return rows


_MOMENTS = {kind.__name__: kind for kind in (date, datetime, time)}


def _moment(cell: dict[str, Any]) -> Any:
    (name, value), *_ = cell.items()
    return _MOMENTS[name].fromisoformat(value) if name in _MOMENTS else cell


def _told(value: Any) -> Any:
    return {type(value).__name__: value.isoformat()} if type(value).__name__ in _MOMENTS else str(value)


def _apart() -> None:
    """The process of `_read_apart`: a workbook comes in, its rows go out."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (APART_BYTES, APART_BYTES))
    try:
        answer: dict[str, Any] = {"rows": _read(sys.stdin.buffer.read(), sys.argv[1] if len(sys.argv) > 1 else None)}
    except WorkbookRefused as refused:
        answer = {"refused": str(refused)}
    json.dump(answer, sys.stdout, default=_told)


def _refuse_wide(extents: Iterator[tuple[int, int]]) -> None:
    if sum(rows * columns for rows, columns in extents) > MOST_CELLS:
        raise WorkbookRefused("表格范围过大，请删除远处多余的单元格、行和列后重新上传。")


# -- .xlsx


def _weigh_archive(content: bytes, unpacked: int) -> None:
    from zipfile import ZipFile

    with ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > unpacked:
            raise WorkbookRefused("表格展开后过大，请删除多余内容后上传。")
        sheets = [entry.filename for entry in archive.infolist() if entry.filename.startswith("xl/worksheets/")]
        _refuse_wide(_sheet_extent(archive, name) for name in sheets)


def _sheet_extent(archive: "ZipFile", name: str) -> tuple[int, int]:
    """Rows and columns up to the last cell that holds something."""
    rows = columns = 0
    carry = b""
    with archive.open(name) as stream:
        while chunk := stream.read(_CHUNK):
            text = carry + chunk
            found = _FILLED.findall(text)
            rows = max(rows, max((int(row) for _, row in found), default=0))
            columns = max(columns, max(map(_number, {letters for letters, _ in found}), default=0))
            carry = text[text.rfind(b"<") :] if b"<" in text else b""
    return rows, columns


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


# -- .xls: a compound file ([MS-CFB]) whose stream Workbook is records ([MS-XLS])

_FREE = 0xFFFFFFFA
"""Sector numbers from here on are marks, not sectors."""
_ENTRY = 128
_SMALL = 64
"""Bytes of a directory entry, and of a piece of a short stream."""
_FILEPASS = 0x002F
_BEGIN, _END = 0x0809, 0x000A
_CELLS = frozenset({0x0006, 0x0203, 0x0204, 0x0205, 0x0206, 0x027E, 0x00D6, 0x00FD, 0x0406})
"""Records that begin with row and column of one cell; 0x00BD holds several of a row."""


def _weigh_compound(content: bytes) -> None:
    streams = _Compound(content)
    if streams.find("EncryptedPackage") is not None:
        raise WorkbookRefused(_PROTECTED)
    stream = streams.find("Workbook") or streams.find("Book")
    if stream is None:
        raise WorkbookRefused(_DAMAGED)
    _refuse_wide(_extents(stream))


def _extents(stream: bytes) -> Iterator[tuple[int, int]]:
    """Rows and columns of each sheet up to its last cell. Raises WorkbookRefused for an encrypted workbook."""
    at = rows = columns = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        at += 4
        if kind == _FILEPASS:
            raise WorkbookRefused(_PROTECTED)
        if kind in _CELLS:
            row, column = struct.unpack_from("<HH", stream, at)
            rows, columns = max(rows, row + 1), max(columns, column + 1)
        elif kind == 0x00BD:
            row, column = struct.unpack_from("<H", stream, at)[0], struct.unpack_from("<H", stream, at + size - 2)[0]
            rows, columns = max(rows, row + 1), max(columns, column + 1)
        elif kind in (_BEGIN, _END):
            yield rows, columns
            rows = columns = 0
        at += size


class _Compound:
    """Streams of a compound file by name. Chains that run in a circle or out of the file raise IndexError."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._size = 1 << struct.unpack_from("<H", content, 30)[0]
        if self._size not in (512, 4096):
            raise IndexError
        directory, self._cutoff, small, difat = (
            struct.unpack_from("<I", content, place)[0] for place in (48, 56, 60, 68)
        )
        tables = [one for one in struct.unpack_from("<109I", content, 76) if one < _FREE]
        while difat < _FREE:
            *more, difat = struct.unpack(f"<{self._size // 4}I", self._sector(difat))
            tables += [one for one in more if one < _FREE]
            if len(tables) * self._size > len(content):
                raise IndexError
        self._next = self._numbers(b"".join(map(self._sector, tables)))
        self._entries = self._chain(directory)
        self._next_small = self._numbers(self._chain(small)) if small < _FREE else ()
        self._small: bytes | None = None

    def find(self, name: str) -> bytes | None:
        """A stream by its name."""
        wanted = (name + "\0").encode("utf-16-le")
        for at in range(0, len(self._entries) - _ENTRY + 1, _ENTRY):
            if self._entries.startswith(wanted, at) and self._entries[at + 66] == 2:
                return self._stream(at)
        return None

    def _stream(self, at: int) -> bytes:
        start, size = struct.unpack_from("<II", self._entries, at + 116)
        if size >= self._cutoff or self._entries[at + 66] == 5:
            return self._chain(start)[:size]
        if self._small is None:
            self._small = self._stream(0)
        small = self._small
        return b"".join(small[one * _SMALL :][:_SMALL] for one in _links(self._next_small, start))[:size]

    def _chain(self, start: int) -> bytes:
        return b"".join(map(self._sector, _links(self._next, start)))

    def _sector(self, number: int) -> bytes:
        at = (number + 1) * self._size
        if at >= len(self._content):
            raise IndexError
        return self._content[at : at + self._size]

    @staticmethod
    def _numbers(table: bytes) -> tuple[int, ...]:
        return struct.unpack(f"<{len(table) // 4}I", table[: len(table) // 4 * 4])


def _links(table: Sequence[int], start: int) -> Iterator[int]:
    number, steps = start, 0
    while number < _FREE:
        if steps > len(table):
            raise IndexError
        yield number
        number, steps = table[number], steps + 1


if __name__ == "__main__":
    _apart()
