"""Content types the store takes, each proved by its bytes while they stream through."""

import codecs
from collections.abc import Callable
from typing import Protocol

from shared.storage.problems import FileContentMismatch, FileTypeRefused

PDF = "application/pdf"
PNG = "image/png"
JPEG = "image/jpeg"
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS = "application/vnd.ms-excel"
"""Excel 97-2003."""


class Inspector(Protocol):
    """Looks at a file in passing and raises a Problem to refuse it: a content check, a virus scanner."""

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes."""

    def finish(self) -> None:
        """The file has ended."""


class _Signature:
    """Files that begin with fixed bytes and, where `trailer` is given, have it among the last `window`."""

    def __init__(self, name: str, magic: bytes, trailer: bytes = b"", window: int = 0) -> None:
        self._name = name
        self._magic = magic
        self._trailer = trailer
        self._window = window
        self._head = b""
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        if len(self._head) < len(self._magic):
            self._head = (self._head + chunk)[: len(self._magic)]
            if not self._magic.startswith(self._head):
                raise _mismatch(self._name)
        if self._window:
            self._tail = (self._tail + chunk)[-self._window :]

    def finish(self) -> None:
        if self._head != self._magic:
            raise _mismatch(self._name)
        if self._trailer not in self._tail:
            raise FileContentMismatch(f"{self._name} 文件不完整，请重新生成后上传。")


class _Workbook(_Signature):
    """A ZIP that holds a workbook and no macros: both names stand uncompressed in the archive's headers."""

    _NEEDED = (b"[Content_Types].xml", b"xl/workbook.xml")
    _MACROS = b"vbaProject.bin"

    def __init__(self) -> None:
        super().__init__("Excel", b"PK\x03\x04", b"PK\x05\x06", 66_000)
        self._missing = set(self._NEEDED)
        self._carry = b""

    def feed(self, chunk: bytes) -> None:
        super().feed(chunk)
        seen = self._carry + chunk
        self._missing -= {name for name in self._missing if name in seen}
        if self._MACROS in seen:
            raise FileContentMismatch("不接收含宏的 Excel 文件，请另存为不含宏的 .xlsx 后上传。")
        self._carry = seen[-max(map(len, self._NEEDED)) :]

    def finish(self) -> None:
        super().finish()
        if self._missing:
            raise _mismatch("Excel")


class _OldWorkbook(_Signature):
    """A compound file that holds a workbook and no macros: names of its streams stand in UTF-16 in its directory."""

    _ONE_OF = tuple(f"{name}\0".encode("utf-16-le") for name in ("Workbook", "Book"))
    _REFUSED = (
        ("_VBA_PROJECT\0".encode("utf-16-le"), "不接收含宏的 Excel 文件，请另存为不含宏的 .xlsx 后上传。"),
        ("EncryptedPackage\0".encode("utf-16-le"), "文件有密码保护，请在 Excel 中取消密码后重新上传。"),
    )
    _LONGEST = 64

    def __init__(self) -> None:
        super().__init__("Excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
        self._found = False
        self._carry = b""

    def feed(self, chunk: bytes) -> None:
        super().feed(chunk)
        seen = self._carry + chunk
        self._found = self._found or any(name in seen for name in self._ONE_OF)
        for name, refusal in self._REFUSED:
            if name in seen:
                raise FileContentMismatch(refusal)
        self._carry = seen[-self._LONGEST :]

    def finish(self) -> None:
        super().finish()
        if not self._found:
            raise _mismatch("Excel")


class _Text:
    """Plain text in UTF-8 or GB 18030 without control characters."""

    _CONTROLS = bytes({*range(32), 127} - {9, 10, 13})

    def __init__(self) -> None:
        self._decoders = [codecs.getincrementaldecoder(name)() for name in ("utf-8", "gb18030")]

    def feed(self, chunk: bytes) -> None:
        if len(chunk.translate(None, self._CONTROLS)) != len(chunk):
            raise _mismatch("CSV")
        self._decode(chunk, final=False)

    def finish(self) -> None:
        self._decode(b"", final=True)

    def _decode(self, chunk: bytes, *, final: bool) -> None:
        self._decoders = [decoder for decoder in self._decoders if _decodes(decoder, chunk, final)]
        if not self._decoders:
            raise FileContentMismatch("CSV 文件须为 UTF-8 或 GB18030 编码的文本。")


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _mismatch(name: str) -> FileContentMismatch:
    return FileContentMismatch(f"文件内容不是 {name}，请检查后重新上传。")


_INSPECTORS: dict[str, Callable[[], Inspector]] = {
    PDF: lambda: _Signature("PDF", b"%PDF-", b"%%EOF", 2048),
    PNG: lambda: _Signature("PNG", b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", 12),
    JPEG: lambda: _Signature("JPEG", b"\xff\xd8\xff"),
    CSV: _Text,
    XLSX: _Workbook,
    XLS: _OldWorkbook,
}

CONTENT_TYPES = frozenset(_INSPECTORS)


def inspector_for(content_type: str) -> Inspector:
    """A fresh inspector of a content type. Raises FileTypeRefused for one the store does not take."""
    make = _INSPECTORS.get(content_type)
    if make is None:
        raise FileTypeRefused("只接收 PDF、PNG、JPEG、CSV、Excel 文件。")
    return make()
