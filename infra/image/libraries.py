"""Python libraries of the image: the wheels of requirements.lock, without what no function reads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from infra.image import interpreter

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements.lock"

_PLATFORMS = {"amd64": "x86_64-manylinux_2_36", "arm64": "aarch64-manylinux_2_36"}
"""Debian 12 has glibc 2.36."""

_LEFT_OUT = re.compile(
    r"bin(/|$)|\.lock$|.*\.(pyi|pyx|pxd|c|h|cpp)$"
    r"|(Crypto/SelfTest|Cryptodome/SelfTest|mako/testing|alembic/testing|sqlalchemy/testing|certifi/tests)(/|$)"
    r"|[^/]+\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json|sboms(/|$))"
    r"|pyphen/dictionaries/(?!hyph_en_)"
    # typer's colours; it does without
    r"|(rich|pygments|markdown_it|mdurl)(/|-[0-9][^/]*\.dist-info(/|$)|$)"
    # a server of its own, which shared.serve replaces
    r"|(gunicorn|uvicorn_worker)(/|-[0-9][^/]*\.dist-info(/|$)|$)"
    # AVIF: no scanner and no phone sends it here, and it is the largest of Pillow's libraries
    r"|PIL/_avif\.[^/]+\.so$|pillow\.libs/libavif-[^/]+$"
    # letters drawn into pictures: forms are drawn by Pango, with libraries of the system
    r"|PIL/_imagingft\.[^/]+\.so$|pillow\.libs/lib(freetype|harfbuzz|png16|brotli(common|dec))-[^/]+$"
    # conversion of curves between kinds of fonts, which no subset of a font asks for
    r"|fontTools/(qu2cu|cu2qu)(/|$)|fontTools/pens/(qu2cu|cu2qu)Pen\.py$"
)


SOURCE_ONLY = {"python-alipay-sdk"}
"""Published without a wheel: plain Python, built here from the checked archive. Everything else must be a wheel."""


def locked() -> list[str]:
    """Names of the libraries of the lock file."""
    return re.findall(r"^([A-Za-z0-9._-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE)


def install(architecture: str, root: Path) -> None:
    """Put the locked wheels under `root`, checked against their checksums, then thin them out."""
    target = root / interpreter.LIBRARIES
    target.mkdir(parents=True)
    order = [_uv(), "pip", "install", "--quiet", "--target", str(target), "--require-hashes"]
    order += [part for name in locked() if name not in SOURCE_ONLY for part in ("--only-binary", name)]
    order += ["--python-version", interpreter.VERSION, "--python-platform", _PLATFORMS[architecture]]
    order += ["--link-mode", "copy", "--no-compile-bytecode", "--requirements", str(LOCK)]
    subprocess.run(order, check=True, env=os.environ | _index())
    for path in sorted(target.rglob("*"), reverse=True):
        if _LEFT_OUT.match(path.relative_to(target).as_posix()):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    _strip(target)


def _strip(target: Path) -> None:
    """Take debug information out of the wheels' libraries: a quarter of all bytes, read by nobody here.

    Wheels that carry libraries of others are left alone: `strip` breaks what was patched to find them.
    """
    patched = {folder.name.removesuffix(".libs") for folder in target.glob("*.libs")} | {"PIL"}
    for path in sorted(target.rglob("*.so")):
        inside = path.relative_to(target).parts[0]
        if inside not in patched and not inside.endswith(".libs") and b".debug_info" in path.read_bytes():
            subprocess.run(["strip", "--strip-debug", "--enable-deterministic-archives", str(path)], check=True)


def _uv() -> str:
    found = shutil.which("uv", path=sysconfig.get_path("scripts")) or shutil.which("uv")
    if found is None:
        raise FileNotFoundError("`uv` is missing; `make venv` installs it.")
    return found


def _index() -> dict[str, str]:
    """uv's own setting of the package index, taken from pip's where the machine has only that."""
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        if os.environ.get(name):
            return {"UV_DEFAULT_INDEX": os.environ[name]}
    known = subprocess.run(
        ["pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {"UV_DEFAULT_INDEX": known} if known else {}
