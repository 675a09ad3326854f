"""OCI images as bytes: layers, a layout folder, an archive. The same content gives the same bytes.

Layers are not compressed: the bytes then depend on no zlib, a node unpacks them faster, and registry and nodes stand in
the same room.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its tar file, digest and size."""

    path: Path
    digest: str
    size: int
    title: str


def layer(tree: Path, target: Path, title: str) -> Layer:
    """Write a folder as a layer: sorted, owned by root, without times."""
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in _walk(tree):
            _add(archive, path, path.relative_to(tree).as_posix())
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Layer(target, f"sha256:{digest}", target.stat().st_size, title)


def _walk(tree: Path) -> Iterable[Path]:
    for folder, folders, files in os.walk(tree):
        folders.sort()
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted([*folders, *files]):
            yield Path(folder) / name
        folders[:] = [name for name in folders if name not in links]


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    entry = tarfile.TarInfo(name)
    status = path.lstat()
    if path.is_symlink():
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
        archive.addfile(entry)
    elif path.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if status.st_mode & stat.S_ISVTX else 0o755
        archive.addfile(entry)
    else:
        entry.size, entry.mode = status.st_size, 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        with path.open("rb") as content:
            archive.addfile(entry, content)


def write_layout(
    folder: Path, layers: Iterable[Layer], *, architecture: str, name: str, config: Mapping[str, Any]
) -> str:
    """Write an OCI layout; returns the digest of the image's manifest."""
    shutil.rmtree(folder, ignore_errors=True)
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layers = list(layers)

    def put(document: Mapping[str, Any]) -> tuple[str, int]:
        content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return f"sha256:{digest}", len(content)

    for one in layers:
        shutil.copyfile(one.path, blobs / one.digest.removeprefix("sha256:"))
    configuration, size = put(
        {
            "architecture": architecture,
            "config": config,
            "created": EPOCH,
            "history": [{"created": EPOCH, "created_by": one.title} for one in layers],
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [one.digest for one in layers]},
        }
    )
    manifest, length = put(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": configuration, "size": size},
            "layers": [{"mediaType": LAYER, "digest": one.digest, "size": one.size} for one in layers],
        }
    )
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {
                "mediaType": MANIFEST,
                "digest": manifest,
                "size": length,
                "platform": {"architecture": architecture, "os": "linux"},
                "annotations": {
                    "io.containerd.image.name": name,
                    "org.opencontainers.image.ref.name": name.rsplit(":", 1)[-1],
                },
            }
        ],
    }
    (folder / "index.json").write_text(json.dumps(index, sort_keys=True, separators=(",", ":")), encoding="utf-8")
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    return manifest


def archive(folder: Path, target: Path) -> None:
    """The layout as one file, for `ctr images import`, `podman load` and memory sticks."""
    layer(folder, target, "archive")
