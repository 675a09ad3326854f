"""Looks at a finished root file system the way a pod will: every function, every command, every form."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from infra.image import fonts, interpreter, source
from infra.image.build import CONFIG

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
    """What was looked at, a line each; RuntimeError with the traceback when something is missing.

    Root looks from inside, as the image's user; anybody else lets the image's loader and Python work from outside.
    """
    run = _from_inside if os.geteuid() == 0 else _from_outside
    said = [run(root, _EVERYTHING).strip(), run(root, _FORMS).strip()]
    run(root, _COMMAND)
    said.append("the command line answers")
    ours = sorted((root / source.HOME).rglob("*.py"))
    unfinished = [str(one.relative_to(root)) for one in ours if not _compiled(one)]
    if unfinished:
        raise RuntimeError(f"without bytecode: {', '.join(unfinished)}")
    return said


def _from_inside(root: Path, script: str) -> str:
    order = ["chroot", f"--userspec={CONFIG['User']}", str(root), "/usr/bin/python3", "-c", script, f"/{source.HOME}"]
    environment = dict(line.split("=", 1) for line in CONFIG["Env"])
    environment["PATH"] = os.environ["PATH"]  # chroot itself is found by it
    done = subprocess.run(order, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"inside the image:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def _from_outside(root: Path, script: str) -> str:
    path = (root / source.HOME, root / interpreter.LIBRARIES)
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "fonts.conf"
        text = (root / fonts.CONFIGURATION).read_text(encoding="utf-8")
        text = text.replace(fonts.WHERE, str(root) + fonts.WHERE).replace(fonts.CACHE, folder)
        configuration.write_text(text, encoding="utf-8")
        settings = {"FONTCONFIG_FILE": str(configuration), "TYPER_USE_RICH": "0"}
        return interpreter.run(root, "-c", script, str(root / source.HOME), path=path, **settings)


def _compiled(path: Path) -> bool:
    return (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").exists()
