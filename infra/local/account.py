"""The system account that runs what refuses to run as root."""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
from pathlib import Path
from typing import NamedTuple


class Account(NamedTuple):
    """A system account that runs the server."""

    uid: int
    gid: int


@functools.cache
def system_account() -> Account | None:
    """The account that runs the server when we are root (`postgres` where there is one, else `nobody`); else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise LookupError("PostgreSQL does not run as root and there is no account `postgres` or `nobody`; add one.")


def reaches(account: Account, path: Path) -> bool:
    """Whether an account may pass into a folder or run a program, asked of the system rather than computed."""
    probe = subprocess.run(
        ["/usr/bin/env", "test", "-x", str(path)],
        check=False,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    return probe.returncode == 0
