"""Our own code in the image: what functions, worker and jobs run, and nothing that only a developer needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from infra.image import interpreter

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = "app"
TREES = ("shared", "events", "functions", "integrity", "infra/his", "infra/local", "infra/migrations", "infra/backup")
FILES = ("infra/__init__.py",)
SUFFIXES = {".py", ".toml", ".html", ".css", ".json", ".csv", ".tsv", ".sql", ".mako", ".txt"}

_COMMAND = """#!/usr/bin/python3
import sys

from infra.his.cli import app

sys.exit(app(prog_name="his"))
"""


def files() -> Iterator[Path]:
    """Every file of ours that goes into the image, relative to the repository, in order."""
    for tree in TREES:
        for path in sorted((REPOSITORY / tree).rglob("*")):
            inside = path.relative_to(REPOSITORY)
            hidden = any(part.startswith((".", "__pyc")) for part in inside.parts)
            if path.is_file() and path.suffix in SUFFIXES and not hidden:
                yield inside
    yield from map(Path, FILES)


def install(root: Path, system: Path) -> None:
    """Put the code and its bytecode under `root`. `system` is a root file system with the image's Python."""
    for path in files():
        target = root / HOME / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / path, target)
    interpreter.compile_folders(system, root, root / HOME)
    command = root / "usr/local/bin/his"
    command.parent.mkdir(parents=True)
    command.write_text(_COMMAND, encoding="utf-8")
    command.chmod(0o755)
