"""The image's own Python, run on the machine that builds: bytecode and fonts are made by what will read them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

VERSION = "3.11"
LIBRARIES = f"usr/local/lib/python{VERSION}/dist-packages"
"""Where Debian's Python looks for what is not Debian's."""

_COMPILE = """
import compileall, py_compile, sys
strip, *folders = sys.argv[1:]
for folder in folders:
    if not compileall.compile_dir(
        folder, quiet=1, stripdir=strip, prependdir="/", maxlevels=50,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    ):
        sys.exit(f"{folder}: not everything compiles")
"""
_LIBRARY_FOLDERS = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib")


def run(root: Path, *arguments: str, path: tuple[Path, ...] = (), **settings: str) -> str:
    """Run the Python of a root file system and return what it prints. `settings` are environment variables."""
    order = [
        *(str(part) for part in loader(root)),
        str(root / "usr/bin" / f"python{VERSION}"),
        "-s",
        "-S",
        "-P",
        "-B",
        *arguments,
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONHOME": str(root / "usr"),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "HOME": "/nonexistent",
        **settings,
    }
    done = subprocess.run(order, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the image's Python failed:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def compile_folders(root: Path, strip: Path, *folders: Path) -> None:
    """Bytecode beside the sources, bound to no time of a file: an image's files never change under it.

    One process takes the files in order, so that the same sources give the same bytes.
    """
    script = "import os, os.path\n" + _SORTED + _COMPILE
    run(root, "-c", script, str(strip), *map(str, folders))


_SORTED = """
scan, listing = os.scandir, os.listdir
os.listdir = lambda *where: sorted(listing(*where))
"""


def loader(root: Path) -> list[Path | str]:
    """Command line of the root's dynamic loader, which looks nowhere but in that root."""
    program = next(iter(sorted((root / "usr/lib").glob("*/ld-linux-*.so.*"))), None) or next(
        iter(sorted((root / "usr").glob("lib*/ld-linux-*.so.*")))
    )
    folders = [str(root / folder) for folder in _LIBRARY_FOLDERS if (root / folder).is_dir()]
    return [program, "--inhibit-cache", "--library-path", ":".join(folders)]


def missing_libraries(root: Path, tree: Path) -> list[str]:
    """Libraries of a tree that ask for one which neither the tree nor the root has: `file: library`.

    The loader would also look in this machine's own folders, so what it finds there counts as missing.
    """
    found = []
    order = [str(part) for part in loader(root)]
    for path in sorted(tree.rglob("*")):
        if path.is_symlink() or not path.is_file() or not _dynamic(path):
            continue
        done = subprocess.run([*order, "--list", str(path)], capture_output=True, text=True, check=False)
        for line in (done.stdout + done.stderr).splitlines():
            place = line.partition(" => ")[2].split(" (")[0]
            if "not found" in line or (place and not place.startswith((str(root), str(tree)))):
                found.append(f"{path.relative_to(tree)}: {line.strip()}")
    return found


def _dynamic(path: Path) -> bool:
    with path.open("rb") as file:
        return (file.read(4) == b"\x7fELF" and ".so" in path.name) or path.name == f"python{VERSION}"
