"""Sealed columns (列加密): what the database stores and cannot read, such as ID numbers (等保三级, 数据保密性).

    sealed = cipher().seal(number, about=f"organisation.staff_identities.number:{staff_id}")
    number = cipher().open(sealed, about=...)
    found = ... where number_index = ANY (cipher().indexes(number, "organisation.staff_identities.number"))

AES-256-GCM; the stored text is `<key id>:<base64 of nonce and ciphertext>`, bound to what it is about, so that a value
moved to another row does not open. A blind index (HMAC-SHA256 of the value, as its owner normalises it) finds a value
and keeps it unique.

Keys come from HIS_COLUMN_KEYS as `id:base64,id:base64`, 32 bytes each; the first writes, all read. To rotate, let every
process know the new key (second place), then let it write (first place); the owning modules seal their rows anew, and
when none is left with the old id (integrity checks `*.column_keys`) that one is
taken out. A lost key is lost with everything it sealed: keys are kept in the vault, never beside a
backup of the database.
"""

import base64
import binascii
import hmac
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.problems import Problem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")


class ColumnKeysMissing(Problem):
    """This process was not given the key; nothing was read or written. Operations look at HIS_COLUMN_KEYS."""

    status = 503
    code = "column_keys_missing"
    title = "加密密钥不可用"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "60"}


class SealBroken(Problem):
    """A stored value does not open: it was altered, or moved from another row. Never shown as if it were good."""

    status = 500
    code = "sealed_value_broken"
    title = "加密数据已损坏"


class ColumnKeys(BaseSettings):
    """The keys as the environment holds them: a setting of its own, so that only who seals ever reads it."""

    model_config = SettingsConfigDict(env_prefix="HIS_", frozen=True, extra="ignore")

    column_keys: SecretStr = SecretStr("")


class Cipher:
    """Seals and opens values of columns. The first key writes."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """Raises ValueError for no key, a key that is not 32 bytes long, an id that is no id or comes twice."""
        if not keys:
            raise ValueError("HIS_COLUMN_KEYS names no key")
        for key_id, secret in keys:
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError("HIS_COLUMN_KEYS: a key id is up to 16 lower-case letters, digits and hyphens")
            if len(secret) != KEY_BYTES:
                raise ValueError(f"HIS_COLUMN_KEYS: key {key_id} is not {KEY_BYTES} bytes long")
        if len(dict(keys)) != len(keys):
            raise ValueError("HIS_COLUMN_KEYS: two keys of one id")
        self.newest = keys[0][0]
        self._seals = {key_id: _derived(secret, b"seal") for key_id, secret in keys}
        self._marks = {key_id: _derived(secret, b"index") for key_id, secret in keys}
        self._ready: dict[str, AESGCM] = {}

    @classmethod
    def read(cls, text: str) -> "Cipher":
        """From `id:base64,id:base64`. Raises ValueError, which never tells a key."""
        keys = []
        for part in filter(None, (one.strip() for one in text.split(","))):
            key_id, _, encoded = part.partition(":")
            try:
                keys.append((key_id, base64.b64decode(encoded, validate=True)))
            except (binascii.Error, ValueError):
                raise ValueError(f"HIS_COLUMN_KEYS: entry {len(keys) + 1} is not id:base64") from None
        return cls(keys)

    def __repr__(self) -> str:
        return f"Cipher(newest={self.newest!r})"

    @property
    def older(self) -> tuple[str, ...]:
        """Ids of keys that read but write no more."""
        return tuple(key_id for key_id in self._seals if key_id != self.newest)

    def seal(self, text: str, about: str) -> str:
        """A text as the database keeps it. `about` names table, column and row; the same must be said to open it."""
        nonce = os.urandom(NONCE_BYTES)
        closed = self._seal_of(self.newest).encrypt(nonce, text.encode(), _bound(self.newest, about))
        return f"{self.newest}:{base64.b64encode(nonce + closed).decode()}"

    def open(self, sealed: str, about: str) -> str:
        """What was sealed. Raises ColumnKeysMissing for a key this process does not have, SealBroken."""
        from cryptography.exceptions import InvalidTag

        key_id, _, encoded = sealed.partition(":")
        if key_id not in self._seals:
            raise ColumnKeysMissing(f"缺少解密所需的密钥 {key_id[:16]}，请联系信息科核对 HIS_COLUMN_KEYS。")
        try:
            raw = base64.b64decode(encoded, validate=True)
            return self._seal_of(key_id).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound(key_id, about)).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken("加密数据与记录不符，可能被改动，请联系信息科核查。") from error

    def index(self, text: str, column: str) -> bytes:
        """The blind index a value is written with: 32 bytes, the same for the same value, column and key."""
        return self._mark(self.newest, text, column)

    def indexes(self, text: str, column: str) -> list[bytes]:
        """Every index a value may be stored with, that of the writing key first: what a look-up asks for."""
        return [self._mark(key_id, text, column) for key_id in self._marks]

    def proofs(self) -> dict[str, str]:
        """By key id what shows which key that is and tells nothing of it: kept in the database, it betrays a process
        that was given another key under the same name."""
        return {key_id: self._mark(key_id, key_id, "proof").hex() for key_id in self._marks}

    def _mark(self, key_id: str, text: str, column: str) -> bytes:
        return hmac.digest(self._marks[key_id], f"{column}\0{text}".encode(), "sha256")

    def _seal_of(self, key_id: str) -> "AESGCM":
        """A key made ready for use, once: people are listed and imported by the thousand."""
        ready = self._ready.get(key_id)
        if ready is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            ready = self._ready[key_id] = AESGCM(self._seals[key_id])
        return ready


def key_of(sealed: str) -> str:
    """Id of the key a stored value was made with."""
    return sealed.partition(":")[0]


def cipher() -> Cipher:
    """The cipher of this process. Raises ColumnKeysMissing where it was given no keys, or none that can be read."""
    text = _given(os.environ.get("HIS_COLUMN_KEYS"))
    if not text.strip():
        raise ColumnKeysMissing("本进程没有配置列加密密钥（HIS_COLUMN_KEYS），加密保存的内容暂不能读写，请联系信息科。")
    try:
        return _cipher(text)
    except ValueError as error:
        raise ColumnKeysMissing(
            "列加密密钥（HIS_COLUMN_KEYS）格式不正确，加密保存的内容暂不能读写，请联系信息科。"
        ) from error


def available() -> bool:
    """Whether this process can seal and open at all."""
    try:
        cipher()
    except ColumnKeysMissing:
        return False
    return True


@lru_cache(maxsize=4)
def _given(raw: str | None) -> str:
    """The keys of the environment, read again only when it says something else: lists open numbers by the dozen."""
    del raw
    return ColumnKeys().column_keys.get_secret_value()


@lru_cache(maxsize=4)
def _cipher(text: str) -> Cipher:
    return Cipher.read(text)


def _derived(secret: bytes, use: bytes) -> bytes:
    """A key for one use: HKDF-SHA256 (RFC 5869), so that what indexes tells nothing of what seals."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"his column " + use).derive(secret)


def _bound(key_id: str, about: str) -> bytes:
    return f"{key_id}\0{about}".encode()
