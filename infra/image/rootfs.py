"""A root file system of Debian packages: where their files go, and what their maintainer scripts would have made."""

from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path

_MERGED = ("bin", "sbin", "lib", "lib64")
"""Folders of the root that are links into /usr in every Debian since 12; some packages still name the old places."""


def begin(root: Path) -> None:
    """The folders of /usr and the links to them."""
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")


def place(root: Path, member: tarfile.TarInfo, content: bytes, left_out: re.Pattern[str]) -> None:
    """Write one file or link of a package, unless its path begins with what is left out."""
    name = _merged(member.name)
    if left_out.match(name) or name in {f"usr/{one}" for one in _MERGED}:
        return
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if member.issym():
        path.symlink_to(member.linkname)
    elif member.islnk():
        os.link(root / _merged(member.linkname.removeprefix(".").strip("/")), path)
    else:
        path.write_bytes(content)
        path.chmod(0o755 if member.mode & 0o100 else 0o644)


def furnish(root: Path, user: str, uid: int, shell: str) -> None:
    """Folders to mount on, root without a shell and the one account that runs."""
    for folder, mode in (("tmp", 0o1777), ("etc", 0o755), ("proc", 0o755), ("sys", 0o755), ("dev", 0o755)):
        (root / folder).mkdir(exist_ok=True)
        (root / folder).chmod(mode)
    accounts = f"root:x:0:0:root:/:/nonexistent\n{user}:x:{uid}:{uid}:{user}:/tmp:{shell}\n"
    (root / "etc/passwd").write_text(accounts, encoding="utf-8")
    (root / "etc/group").write_text(f"root:x:0:\n{user}:x:{uid}:\n", encoding="utf-8")
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n", encoding="utf-8")


def _merged(name: str) -> str:
    return f"usr/{name}" if name.split("/", 1)[0] in _MERGED else name
