"""Looks at a finished root file system the way a pod will: every function, every command, every form."""

from __future__ import annotations

import tempfile
from pathlib import Path

from infra.image import interpreter, source

_EVERYTHING = """
import importlib, pkgutil, sys
from pathlib import Path

home = Path(sys.argv[1])
DEVELOPERS = {"infra.his.generate"}
count = 0
for top in ("shared", "events", "functions", "integrity", "infra.his", "infra.migrations"):
    package = importlib.import_module(top)
    for found in pkgutil.walk_packages(package.__path__, f"{top}."):
        if found.name in {"infra.migrations.env", "infra.his.__main__"} or ".versions." in found.name:
            continue
        if found.name in DEVELOPERS:
            continue
        module = importlib.import_module(found.name)
        assert str(module.__file__).startswith(str(home)), module.__file__
        count += 1
from functions.registry import all_apps, metadata

print(f"{count} modules, {len(all_apps())} function apps, {len(metadata().tables)} tables")
"""

_FORMS = """
from shared.printing import layout
from shared.printing.render import render

forms = layout.shipped_forms()
for form in forms:
    for version in layout.shipped_layouts(form):
        # Refuses by itself when the font lacks a character.
        assert render(version, version.sample).startswith(b"%PDF-"), form
print(f"{len(forms)} forms")
"""

_COMMAND = """
import sys
from infra.his.cli import app

sys.argv = ["his", "--help"]
app(prog_name="his")
"""


def check(root: Path) -> list[str]:
    """What was looked at, a line each; RuntimeError with the traceback when something is missing."""
    path = (root / source.HOME, root / interpreter.LIBRARIES)
    said = [interpreter.run(root, "-c", _EVERYTHING, str(root / source.HOME), path=path).strip()]
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "fonts.conf"
        text = (root / "etc/fonts/fonts.conf").read_text(encoding="utf-8")
        text = text.replace("/usr/share/fonts", str(root / "usr/share/fonts")).replace("/tmp/fontconfig", folder)  # noqa: S108
        configuration.write_text(text, encoding="utf-8")
        said.append(interpreter.run(root, "-c", _FORMS, path=path, FONTCONFIG_FILE=str(configuration)).strip())
    interpreter.run(root, "-c", _COMMAND, path=path, TYPER_USE_RICH="0")
    said.append("the command line answers")
    unfinished = [
        str(one.relative_to(root)) for one in sorted((root / source.HOME).rglob("*.py")) if not _compiled(one)
    ]
    if unfinished:
        raise RuntimeError(f"without bytecode: {', '.join(unfinished)}")
    return said


def _compiled(path: Path) -> bool:
    return (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").exists()
