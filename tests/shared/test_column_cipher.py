"""Sealed columns: what was sealed opens, and nothing else does."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import column_cipher
from shared.column_cipher import Cipher, ColumnKeysMissing, SealBroken, available, cipher, key_of

OLD, NEW = ("k1", bytes(range(32))), ("k2", bytes(range(32, 64)))
KEYS = Cipher([NEW, OLD])
BEFORE = Cipher([OLD])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ABOUTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def written(*keys: tuple[str, bytes]) -> str:
    return ",".join(f"{key_id}:{base64.b64encode(secret).decode()}" for key_id, secret in keys)


@given(TEXTS, ABOUTS)
def test_what_was_sealed_opens_again_with_every_key_that_is_known(text: str, about: str) -> None:
    assert KEYS.open(KEYS.seal(text, about), about) == text
    assert KEYS.open(BEFORE.seal(text, about), about) == text
    assert (key_of(KEYS.seal(text, about)), key_of(BEFORE.seal(text, about))) == ("k2", "k1")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=40), ABOUTS)
def test_the_text_does_not_show_and_is_never_sealed_the_same_way_twice(text: str, about: str) -> None:
    first, second = KEYS.seal(text, about), KEYS.seal(text, about)
    assert first != second
    assert text.encode() not in base64.b64decode(first.partition(":")[2])


@given(TEXTS, ABOUTS, ABOUTS)
def test_a_value_opens_only_where_it_was_sealed(text: str, about: str, elsewhere: str) -> None:
    sealed = KEYS.seal(text, about)
    if elsewhere != about:
        with pytest.raises(SealBroken):
            KEYS.open(sealed, elsewhere)


@given(TEXTS, st.data())
def test_a_single_changed_bit_breaks_the_seal(text: str, data: st.DataObject) -> None:
    key_id, _, encoded = KEYS.seal(text, "row").partition(":")
    raw = bytearray(base64.b64decode(encoded))
    at = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[at // 8] ^= 1 << at % 8
    with pytest.raises(SealBroken):
        KEYS.open(f"{key_id}:{base64.b64encode(bytes(raw)).decode()}", "row")


@pytest.mark.parametrize("sealed", ["k2:", "k2:not base64", "k2:AAAA", "k2"])
def test_what_is_no_sealed_value_is_refused(sealed: str) -> None:
    with pytest.raises(SealBroken):
        KEYS.open(sealed, "row")


def test_a_value_of_another_key_cannot_be_passed_off_as_this_one_s() -> None:
    encoded = BEFORE.seal("450223198603150012", "row").partition(":")[2]
    with pytest.raises(SealBroken):
        KEYS.open(f"k2:{encoded}", "row")


def test_without_the_key_it_says_which_one_is_missing() -> None:
    with pytest.raises(ColumnKeysMissing, match="k2"):
        BEFORE.open(KEYS.seal("x", "row"), "row")


@given(TEXTS, TEXTS)
def test_an_index_is_equal_exactly_for_equal_values_of_one_column(one: str, other: str) -> None:
    assert (KEYS.index(one, "t.c") == KEYS.index(other, "t.c")) == (one == other)
    assert KEYS.index(one, "t.c") != KEYS.index(one, "t.d")
    assert len(KEYS.index(one, "t.c")) == 32


@given(TEXTS)
def test_a_look_up_finds_what_the_old_key_wrote_and_what_the_new_one_writes(text: str) -> None:
    assert KEYS.indexes(text, "t.c") == [KEYS.index(text, "t.c"), BEFORE.index(text, "t.c")]
    assert KEYS.older == ("k1",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names no key"),
        ("k1", "not 32 bytes"),
        ("k1:*", "entry 1 is not id:base64"),
        (written(("k1", b"short")), "key k1 is not 32 bytes"),
        (written(("K 1", bytes(32))), "a key id is"),
        (written(OLD, ("k1", bytes(32))), "two keys of one id"),
    ],
)
def test_keys_that_cannot_be_used_are_told_without_telling_them(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        Cipher.read(text)
    secret = text.partition(":")[2].partition(",")[0]
    assert len(secret) < 4 or secret not in str(refused.value)


def test_a_process_without_keys_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HIS_COLUMN_KEYS", raising=False)
    assert not available()
    with pytest.raises(ColumnKeysMissing, match="HIS_COLUMN_KEYS"):
        cipher()
    monkeypatch.setenv("HIS_COLUMN_KEYS", "k1:short")
    with pytest.raises(ColumnKeysMissing, match="格式"):
        cipher()
    monkeypatch.setenv("HIS_COLUMN_KEYS", f" {written(NEW, OLD)} ")
    assert available()
    assert repr(cipher()) == "Cipher(newest='k2')"
    assert cipher() is cipher(), "keys are derived once"
    assert written(NEW).partition(":")[2] not in repr(column_cipher.ColumnKeys())
