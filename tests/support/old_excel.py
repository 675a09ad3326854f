"""Workbooks of Excel 97-2003 (.xls) as the tests need them: records ([MS-XLS]) in a compound file ([MS-CFB])."""

import struct
from collections.abc import Mapping, Sequence
from datetime import date

SECTOR = 512
END, FREE, TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
SMALLEST = 4096
"""Shorter streams would lie elsewhere in the file: ours are padded."""


def record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _cell(row: int, column: int, value: object, first: date) -> bytes:
    if isinstance(value, str):
        return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(value), 1) + value.encode("utf-16-le"))
    if isinstance(value, date):
        return record(0x0203, struct.pack("<HHHd", row, column, 1, (value - first).days))
    assert isinstance(value, int | float)
    return record(0x0203, struct.pack("<HHHd", row, column, 0, value))


def old_workbook(
    rows: Sequence[Sequence[object]],
    *,
    title: str = "Sheet1",
    since_1904: bool = False,
    protected: bool = False,
    far: tuple[int, int] | None = None,
) -> bytes:
    """One sheet of texts, numbers and dates. `far`: one more cell at that row and column."""
    first = date(1904, 1, 1) if since_1904 else date(1899, 12, 30)
    name = struct.pack("<BB", len(title), 1) + title.encode("utf-16-le")
    before = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0x41, 0x06))
    if protected:
        before += record(0x002F, struct.pack("<HHHH", 1, 1, 1, 0) + bytes(46))
    before += record(0x0042, struct.pack("<H", 1200)) + record(0x0022, struct.pack("<H", since_1904))
    for number_format in (0, 14):
        before += record(0x00E0, struct.pack("<HH", 0, number_format) + bytes(16))
    here = len(before) + 4 + 6 + len(name) + 4
    globals_ = before + record(0x0085, struct.pack("<IH", here, 0) + name) + record(0x000A)
    sheet = [record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0x41, 0x06))]
    sheet += [
        _cell(row, column, value, first)
        for row, line in enumerate(rows)
        for column, value in enumerate(line)
        if value != ""
    ]
    if far is not None:
        sheet.append(_cell(*far, "far", first))
    return compound({"Workbook": globals_ + b"".join(sheet) + record(0x000A)})


def compound(streams: Mapping[str, bytes]) -> bytes:
    """A compound file of some streams."""
    body, links = b"", []
    entries = [_entry("Root Entry", 5, END, 0, child=1)]
    for number, (name, content) in enumerate(streams.items(), 1):
        padded = content.ljust(max(SMALLEST, -(-len(content) // SECTOR) * SECTOR), b"\0")
        start, count = len(links), len(padded) // SECTOR
        links += [*range(start + 1, start + count), END]
        body += padded
        entries.append(_entry(name, 2, start, len(padded), right=number + 1 if number < len(streams) else FREE))
    entries += [_entry("", 0, 0, 0)] * (-len(entries) % 4)
    directory, tables = len(links), 1
    inside = len(entries) // 4
    while (len(links) + inside + tables) * 4 > tables * SECTOR:
        tables += 1
    links += [*range(directory + 1, directory + inside), END]
    first_table = len(links)
    links += [TABLE] * tables
    links += [FREE] * (tables * SECTOR // 4 - len(links))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I", 0, tables, directory, 0, SMALLEST, END, 0, END, 0)
    head += struct.pack("<109I", *range(first_table, first_table + tables), *[FREE] * (109 - tables))
    return head + body + b"".join(entries) + struct.pack(f"<{len(links)}I", *links)


def _entry(name: str, kind: int, start: int, size: int, *, child: int = FREE, right: int = FREE) -> bytes:
    text = f"{name}\0".encode("utf-16-le") if name else b""
    body = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, FREE, right, child)
    return body.ljust(116, b"\0") + struct.pack("<IQ", start, size)
