"""Secrets that lie in the repository (密钥泄露): private keys, tokens, passwords, things that look like them.

Shapes that are always a secret are looked for in every text file. Values that are long and without pattern are looked
for where a name says secret; what a test or the local stack makes up on the spot is short or made at run time, so that
the list of exceptions stays short enough to read.
"""

from __future__ import annotations

import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHAPES = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{20}"),
    "signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"),
    "cloud access key": re.compile(r"\b(?:AKIA|ASIA|LTAI|AKID)[A-Za-z0-9]{12,32}\b"),
    "token of a code host": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,}|glpat-[\w-]{20})"),
    "token of a chat or a shop": re.compile(r"\b(?:xox[abprs]-[\w-]{10,}|[rs]k_live_\w{16,})"),
    "password in an address": re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@{}$<>'\"]+:(?![{$<*])[^\s/@'\"{}$<>]{3,}@"),
}

_NAMED = re.compile(
    r"""(?ix)
    (?: password | passwd | secret | token | api_?key | access_?key | private_?key | credential | 口令 | 密码 | 密钥 )
    \w* ["']? \s* (?: [:=：] | =>) \s* ["']? ([A-Za-z0-9+/=_\-.!@\#%^*]{12,}) """
)
_NO_VALUE = re.compile(r"^[A-Za-z_./\-]+$|^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$|^v?\d+(?:\.\d+)+$")
"""Words joined by dots, dashes, underscores and slashes are names, not values: `store.s3_key`, `change-me-please`."""

BITS = 3.6
"""Bits a character above which a value has no pattern; a sentence has about 3.3, a random base64 text 4.5 and more."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A place that looks like a secret; the value itself is shown by its ends only."""

    path: str
    line: int
    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind} ({self.value[:4]}..., {len(self.value)} characters)"


def leaks(text: str, path: str) -> Iterator[Leak]:
    """What in a text looks like a secret."""
    for kind, shape in SHAPES.items():
        for match in shape.finditer(text):
            yield Leak(path, _line(text, match.start()), kind, match[0])
    for match in _NAMED.finditer(text):
        value = match[1]
        if not _NO_VALUE.match(value) and entropy(value) >= BITS:
            yield Leak(path, _line(text, match.start()), "value without pattern", value)


def entropy(text: str) -> float:
    """Bits a character, by how often each occurs."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def repository_files(root: Path) -> list[str]:
    """Every file that is or would be committed; outside a checkout every file but hidden and installed ones."""
    order = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(order, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        names = [name for name in done.stdout.split("\0") if name]
    else:
        names = [path.relative_to(root).as_posix() for path in root.rglob("*")]
        names = [name for name in names if not re.search(r"(^|/)(\.(?!git)|node_modules/|__pycache__/)", name)]
    return sorted(name for name in set(names) if (root / name).is_file())


def scan(root: Path) -> list[Leak]:
    """What looks like a secret in the text files of a repository."""
    found: list[Leak] = []
    for name in repository_files(root):
        content = (root / name).read_bytes()
        if b"\0" not in content[:8192]:
            found += leaks(content.decode("utf-8", errors="replace"), name)
    return found
