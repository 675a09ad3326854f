"""Content types are judged by bytes, however the stream is cut."""

import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.problems import Problem
from shared.settings import REPOSITORY
from shared.storage import CONTENT_TYPES, CSV, JPEG, PDF, PNG, XLS, XLSX, FileContentMismatch, FileKind, FileTypeRefused
from shared.storage.content import inspector_for
from tests.shared.storage_probe import archive, pdf, png
from tests.support.old_excel import compound, old_workbook


def workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["项目", "金额"])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, kind)
    return buffer.getvalue()


GOOD = {
    PDF: [pdf(), pdf(60_000)],
    PNG: [png(), picture("PNG")],
    JPEG: [picture("JPEG")],
    CSV: ["项目,金额\r\n挂号费,15.00\r\n".encode(), "项目,金额\r\n挂号费,15.00\r\n".encode("gb18030"), b"a,b\n1,2\n"],
    XLSX: [workbook()],
    XLS: [old_workbook([["项目", "金额"]]), (REPOSITORY / "tests/catalogue/old_list.xls").read_bytes()],
}


def accepted(content_type: str, data: bytes, step: int) -> bool:
    inspector = inspector_for(content_type)
    try:
        for start in range(0, len(data), step):
            inspector.feed(data[start : start + step])
        inspector.finish()
    except FileContentMismatch:
        return False
    return True


@pytest.mark.parametrize("step", [1, 7, 4096, 10_000_000])
@pytest.mark.parametrize("content_type", sorted(CONTENT_TYPES))
def test_a_file_is_its_own_type_and_no_other(content_type: str, step: int) -> None:
    for data in GOOD[content_type]:
        assert accepted(content_type, data, step)
        for other in CONTENT_TYPES - {content_type}:
            assert not accepted(other, data, step), f"{content_type} passed as {other}"


@pytest.mark.parametrize("content_type", [PDF, PNG, XLSX])
def test_a_file_that_was_cut_off_is_refused(content_type: str) -> None:
    for data in GOOD[content_type]:
        assert not accepted(content_type, data[: len(data) * 2 // 3], 4096)


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        (PDF, b"MZ\x90\0" + pdf()),
        (PDF, b"<script>%PDF-1.7 %%EOF"),
        (XLSX, archive("[Content_Types].xml", "word/document.xml")),
        (XLSX, archive("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin")),
        (XLSX, archive("META-INF/MANIFEST.MF")),
        (XLS, compound({"WordDocument": b"a letter"})),
        (XLS, compound({"Workbook": b"", "_VBA_PROJECT": b""})),
        (XLS, compound({"EncryptionInfo": b"", "EncryptedPackage": b""})),
        (CSV, b"a,b\n\0\0"),
        (CSV, b"\xff\xfe\xff"),
        (CSV, "名".encode("gb18030")[:1]),
        (JPEG, b"GIF89a"),
    ],
)
def test_disguises_are_refused(content_type: str, data: bytes) -> None:
    assert not accepted(content_type, data, 4096)
    assert not accepted(content_type, data, 1)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1), st.integers(min_value=1, max_value=9))
def test_any_chinese_text_in_either_encoding_is_text(text: str, step: int) -> None:
    for encoding in ("utf-8", "gb18030"):
        assert accepted(CSV, text.encode(encoding), step)


@given(st.binary(max_size=64), st.sampled_from(sorted(CONTENT_TYPES - {CSV})))
def test_random_bytes_are_no_document(data: bytes, content_type: str) -> None:
    assert not accepted(content_type, data, 5) or content_type == JPEG


def test_unknown_types_are_refused() -> None:
    with pytest.raises(FileTypeRefused) as caught:
        inspector_for("text/html")
    assert caught.value.status == 415
    assert isinstance(caught.value, Problem)


@pytest.mark.parametrize("name", ["", "../etc", "Report", "a/b", "病历", "-x", "x" * 41])
def test_a_kind_can_not_bend_a_key(name: str) -> None:
    with pytest.raises(ValueError, match="file kind"):
        FileKind(name, frozenset({PDF}))


def test_a_kind_takes_only_what_can_be_checked() -> None:
    with pytest.raises(ValueError, match="cannot check"):
        FileKind("page", frozenset({"text/html"}))
    with pytest.raises(ValueError, match="cannot check"):
        FileKind("nothing", frozenset())
