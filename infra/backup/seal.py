"""Compression and encryption of what goes into the store.

A sealed object is a header that names the key, then frames: zlib under AES-256-GCM. Each frame is bound to the object's
name, its place and whether it is the last, so that nothing can be cut off, moved or taken from another object.
"""

from __future__ import annotations

import base64
import os
import secrets
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FRAME = 4 * 1024 * 1024
_MAGIC = b"HISB1"
_LENGTH = struct.Struct(">I")
_NONCE = 12
_LIMIT = 2 * FRAME + 1024


class SealError(Exception):
    """Not sealed by us, damaged, or with a key this installation does not have."""


class Source(Protocol):
    """What bytes are read from."""

    def read(self, amount: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys by name. New objects are sealed with the current one; an old one stays until its last object is gone."""

    current: str
    by_name: Mapping[str, bytes]

    @classmethod
    def parse(cls, text: str) -> Keys:
        """`name:base64,name:base64`, the current one first. Raises SealError."""
        found: dict[str, bytes] = {}
        for part in filter(None, text.replace("\n", ",").split(",")):
            name, _, encoded = part.strip().partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except ValueError:
                key = b""
            if len(key) != 32 or not name or len(name) > 40:
                raise SealError(
                    "A backup key is `name:` and 32 bytes in base64; `python -m infra.backup key` makes one."
                )
            found[name] = key
        if not found:
            raise SealError("No backup key: set HIS_BACKUP_KEYS.")
        return cls(next(iter(found)), found)

    def __repr__(self) -> str:
        return f"Keys({', '.join(self.by_name)})"


def new_key(name: str) -> str:
    """A key as HIS_BACKUP_KEYS takes it."""
    return f"{name}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def seal(content: Iterable[bytes], name: str, keys: Keys, *, level: int = 1) -> Iterator[bytes]:
    """Sealed bytes of the object `name`. Frames are made on several threads: zlib and AES let each other run."""
    label = keys.current.encode()
    cipher = AESGCM(keys.by_name[keys.current])
    yield _MAGIC + bytes([len(label)]) + label

    def frame(piece: bytes, number: int, last: bool) -> bytes:
        nonce = os.urandom(_NONCE)
        body = nonce + cipher.encrypt(nonce, zlib.compress(piece, level), _bound(name, number, last))
        return _LENGTH.pack(len(body)) + body

    with ThreadPoolExecutor(2) as pool:
        waiting: deque[Future[bytes]] = deque()
        for number, (piece, last) in enumerate(_pieces(content)):
            waiting.append(pool.submit(frame, piece, number, last))
            if len(waiting) > 4:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def unseal(source: Source, name: str, keys: Keys) -> Iterator[bytes]:
    """The content of the object `name`. Raises SealError as soon as anything is not as it was sealed."""
    head = _exactly(source, len(_MAGIC) + 1)
    if head[:-1] != _MAGIC:
        raise SealError(f"{name} is not a sealed object")
    label = _exactly(source, head[-1]).decode(errors="replace")
    if label not in keys.by_name:
        raise SealError(f"{name} was sealed with the key {label!r}, which is not among HIS_BACKUP_KEYS")
    cipher = AESGCM(keys.by_name[label])
    number, length = 0, _length(source, name)
    while length is not None:
        body = _exactly(source, length)
        length = _length(source, name)
        try:
            packed = cipher.decrypt(body[:_NONCE], body[_NONCE:], _bound(name, number, length is None))
        except InvalidTag:
            raise SealError(f"{name}: frame {number} is damaged, or the object was cut off") from None
        yield zlib.decompress(packed)
        number += 1
    if not number:
        raise SealError(f"{name} has no content")


def _bound(name: str, number: int, last: bool) -> bytes:
    return f"{name}\n{number}\n{'last' if last else 'more'}".encode()


def _pieces(content: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Frames' worth of bytes; the last one, possibly empty, is marked."""
    buffer = bytearray()
    for part in content:
        buffer += part
        while len(buffer) > FRAME:
            yield bytes(buffer[:FRAME]), False
            del buffer[:FRAME]
    yield bytes(buffer), True


def _length(source: Source, name: str) -> int | None:
    first = source.read(_LENGTH.size)
    if not first:
        return None
    raw = first if len(first) == _LENGTH.size else first + _exactly(source, _LENGTH.size - len(first))
    length = int(_LENGTH.unpack(raw)[0])
    if not _NONCE < length <= _LIMIT:
        raise SealError(f"{name} is damaged")
    return length


def _exactly(source: Source, amount: int) -> bytes:
    parts = bytearray()
    while len(parts) < amount:
        got = source.read(amount - len(parts))
        if not got:
            raise SealError("The object ends too early.")
        parts += got
    return bytes(parts)
