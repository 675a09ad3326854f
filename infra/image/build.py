"""Makes the image: four layers that change at their own pace, each kept until what it is made of changes.

    os          Debian packages of packages.lock, with the bytecode of Python's own library
    libraries   wheels of requirements.lock
    fonts       the Chinese font
    app         our code

The machine that builds is Debian 12 (or the build stage of the Dockerfile, which is one). No engine, no root.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.image import debian, fonts, interpreter, libraries, oci, source

HERE = Path(__file__).parent
USER = "65532:65532"
NAME = "consortium-his"

CONFIG: dict[str, Any] = {
    "User": USER,
    "WorkingDir": f"/{source.HOME}",
    "Entrypoint": ["/usr/bin/python3", "-m"],
    "Cmd": ["shared.serve"],
    "ExposedPorts": {"8080/tcp": {}},
    "StopSignal": "SIGTERM",
    "Env": [
        "PATH=/usr/local/bin:/usr/bin",
        f"PYTHONPATH=/{source.HOME}",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONUNBUFFERED=1",
        "PYTHONUTF8=1",
        "LANG=C.UTF-8",
        "TYPER_USE_RICH=0",
        "HOME=/tmp",
        "HIS_STATE_DIR=/tmp/his",
        "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
    ],
    "Labels": {
        "org.opencontainers.image.title": NAME,
        "org.opencontainers.image.description": "Hospital information system of a county medical consortium",
    },
}
"""How the image starts: `python -m shared.serve`; other programs of it are named by their arguments."""


class Builder:
    """One build. Stages are folders under `cache`, named by what they were made from."""

    def __init__(self, cache: Path, report: Callable[[str], None] = lambda line: None) -> None:
        self.cache = cache
        self.report = report
        self.architecture = debian.architecture()
        self.packages = debian.locked()

    def trees(self) -> dict[str, Path]:
        """The four trees, by name, in the order of the layers."""
        recipe = _digest(HERE / "debian.py", HERE / "interpreter.py", debian.LOCK)
        system = self._stage("os", recipe, self._system)
        recipe = _digest(HERE / "libraries.py", libraries.LOCK, extra=recipe)
        wheels = self._stage("libraries", recipe, lambda root: self._libraries(root, system))
        recipe = _digest(HERE / "fonts.py", extra=recipe)
        faces = self._stage(
            "fonts", recipe, lambda root: fonts.install(self.packages, self.cache / "debs", root, system, wheels)
        )
        app = self.cache / "app"
        shutil.rmtree(app, ignore_errors=True)
        app.mkdir(parents=True)
        source.install(app, system)
        self.report("app")
        return {"os": system, "libraries": wheels, "fonts": faces, "app": app}

    def root(self, target: Path) -> Path:
        """All layers in one root file system, as a Dockerfile copies it."""
        target.mkdir(parents=True, exist_ok=True)
        for tree in self.trees().values():
            shutil.copytree(tree, target, symlinks=True, dirs_exist_ok=True)
        return target

    def layout(self, target: Path, tag: str) -> str:
        """The OCI layout folder; returns the digest of the image."""
        layers = []
        trees = self.trees()
        with _folder(self.cache / f"layers-{os.getpid()}") as folder:
            for name, tree in trees.items():
                layers.append(oci.layer(tree, folder / f"{name}.tar", f"infra/image: {name}"))
                self.report(f"layer {name}: {layers[-1].size / 1e6:.1f} MB {layers[-1].digest}")
            digest = oci.write_layout(target, layers, architecture=self.architecture, name=tag, config=CONFIG)
        self.report(f"image {digest}: {sum(layer.size for layer in layers) / 1e6:.1f} MB")
        return digest

    def _system(self, root: Path) -> None:
        debian.unpack(self.packages, self.cache / "debs", root)
        self._require_whole(root, root)
        interpreter.compile_folders(root, root, root / f"usr/lib/python{interpreter.VERSION}")

    def _libraries(self, root: Path, system: Path) -> None:
        libraries.install(self.architecture, root)
        self._require_whole(system, root)
        interpreter.compile_folders(system, root, root / interpreter.LIBRARIES)

    @staticmethod
    def _require_whole(system: Path, tree: Path) -> None:
        missing = interpreter.missing_libraries(system, tree)
        if missing:
            raise debian.PackageError("packages.txt lacks a package of a library:\n" + "\n".join(missing))

    def _stage(self, name: str, recipe: str, make: Callable[[Path], None]) -> Path:
        target = self.cache / f"{name}-{recipe[:16]}"
        if not target.exists():
            with _folder(self.cache / f"{name}-{os.getpid()}") as draft:
                make(draft)
                draft.rename(target)
            self.report(name)
        return target


def _digest(*paths: Path, extra: str = "") -> str:
    digest = hashlib.sha256(extra.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
