"""The seal of backups: what comes back is what went in, or nothing does."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.backup import seal as module
from infra.backup.seal import FRAME, Keys, SealError, new_key, seal, unseal
from infra.backup.vault import lsn, position, segment_name

KEYS = Keys.parse(new_key("2026-11"))


def sealed(content: bytes, name: str = "base/a", keys: Keys = KEYS) -> bytes:
    return b"".join(seal([content], name, keys))


def opened(content: bytes, name: str = "base/a", keys: Keys = KEYS) -> bytes:
    return b"".join(unseal(io.BytesIO(content), name, keys))


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 5 * FRAME + 17])
def test_what_was_sealed_comes_back(size: int) -> None:
    content = os.urandom(min(size, 1000)) * (size // 1000 + 1)
    content = content[:size]
    assert opened(sealed(content)) == content


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_pieces_do_not_matter(pieces: list[bytes]) -> None:
    assert opened(b"".join(seal(pieces, "base/a", KEYS))) == b"".join(pieces)


def test_nothing_readable_is_in_it() -> None:
    assert "患者张三".encode() not in sealed("患者张三".encode() * 100)


def test_the_same_content_is_never_the_same_twice() -> None:
    assert sealed(b"x" * 100) != sealed(b"x" * 100)


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    whole = bytearray(sealed(b"content of a hospital" * 50))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        opened(bytes(whole))


@given(st.integers(min_value=0))
def test_a_cut_is_noticed(amount: int) -> None:
    whole = sealed(b"content of a hospital" * 50)
    with pytest.raises(SealError):
        opened(whole[: amount % len(whole)])


def test_a_cut_between_frames_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRAME", 100)
    whole = b"".join(seal([os.urandom(250)], "base/a", KEYS))
    head = 6 + len("2026-11")
    first = head + 4 + int.from_bytes(whole[head : head + 4], "big")
    assert first < len(whole), "there is more than one frame"
    with pytest.raises(SealError, match="cut off"):
        opened(whole[:first])


def test_an_object_under_another_name_is_refused() -> None:
    with pytest.raises(SealError):
        opened(sealed(b"yesterday", "wal/00000001/a"), "wal/00000001/b")


def test_another_key_opens_nothing() -> None:
    with pytest.raises(SealError, match="not among HIS_BACKUP_KEYS"):
        opened(sealed(b"x"), keys=Keys.parse(new_key("other")))
    with pytest.raises(SealError, match="damaged"):
        opened(sealed(b"x"), keys=Keys.parse(new_key("2026-11")))


def test_an_old_key_still_opens_what_it_sealed() -> None:
    old = new_key("2026-10")
    before = sealed(b"of october", keys=Keys.parse(old))
    both = Keys.parse(f"{new_key('2026-11')},{old}")
    assert opened(before, keys=both) == b"of october"
    assert b"2026-11" in sealed(b"x", keys=both)[:16]


@pytest.mark.parametrize("text", ["", "a", "a:", "a:AAAA", f":{'QUJD' * 10}QUI=", "a:not base64!"])
def test_a_key_that_is_none(text: str) -> None:
    with pytest.raises(SealError):
        Keys.parse(text)


def test_keys_do_not_show_themselves() -> None:
    assert repr(KEYS) == "Keys(2026-11)"


def test_positions_are_written_as_postgresql_does() -> None:
    assert lsn(0x1_6B37_4D28) == "1/6B374D28"
    assert position("1/6B374D28") == 0x1_6B37_4D28
    assert segment_name(1, position("1/6B374D28") // (16 * 1024 * 1024)) == "00000001000000010000006B"
