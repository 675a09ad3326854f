"""The image: what is in it, and that the same content gives the same bytes."""

import hashlib
import io
import json
import os
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.registry import MODULES
from infra.image import debian, libraries, oci, source
from infra.image.build import CONFIG
from infra.image.push import PushError, push
from shared.settings import REPOSITORY

FILES = [path.as_posix() for path in source.files()]


# -- what is in it


def test_every_function_is_in_the_image() -> None:
    assert {f"functions/{name}/main.py" for name in MODULES} <= set(FILES)


def test_what_worker_and_jobs_need_is_in_the_image() -> None:
    assert {
        "events/worker.py",
        "shared/serve.py",
        "infra/his/cli.py",
        "infra/migrations/env.py",
        "infra/migrations/versions/0001_kernel.py",
        "shared/printing/layouts/registration_slip/1/layout.html",
    } <= set(FILES)


def test_nothing_that_only_a_developer_needs_is_in_it() -> None:
    for path in FILES:
        assert not path.startswith(("tests/", "loadtests/", "docs/", "infra/k8s/", "infra/cluster/", "infra/image/"))
        assert "__pycache__" not in path
        assert not Path(path).name.startswith(".")


def test_no_data_file_of_ours_is_forgotten() -> None:
    """A kind of file the list of suffixes does not know would be missing in the cluster only."""
    missed = [
        path.relative_to(REPOSITORY).as_posix()
        for tree in source.TREES
        for path in (REPOSITORY / tree).rglob("*")
        if path.is_file()
        and path.suffix not in source.SUFFIXES | {".pyc", ".md"}
        and not any(part.startswith(".") for part in path.relative_to(REPOSITORY).parts)
    ]
    assert missed == []


def test_packages_are_locked() -> None:
    names = {line for line in debian.NAMES.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"}
    assert {package.name for package in debian.locked()} == names
    assert all(re.fullmatch(r"[0-9a-f]{64}", package.sha256) for package in debian.locked())


def test_no_shell_and_no_package_manager() -> None:
    names = {package.name for package in debian.locked()}
    assert not names & {"bash", "dash", "busybox", "apt", "dpkg", "perl-base", "coreutils", "curl", "wget"}


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("usr/bin/python3.11", True),
        ("usr/bin/ldd", False),
        ("usr/lib/python3.11/json/decoder.py", True),
        ("usr/lib/python3.11/test/support.py", False),
        ("usr/lib/x86_64-linux-gnu/libssl.so.3", True),
        ("usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", False),
        ("usr/share/zoneinfo/Asia/Shanghai", True),
        ("usr/share/zoneinfo/right/Asia/Shanghai", False),
        ("usr/share/doc/libc6/copyright", False),
        ("var/lib/dpkg/info/libc6.list", False),
    ],
)
def test_of_debian_only_what_runs_is_kept(path: str, kept: bool) -> None:
    assert (debian._LEFT_OUT.match(path) is None) is kept


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("sqlalchemy/sql/compiler.py", True),
        ("sqlalchemy/testing/fixtures.py", False),
        ("rich/console.py", False),
        ("richer/console.py", True),
        ("psycopg-3.3.9.dist-info/METADATA", True),
        ("psycopg-3.3.9.dist-info/RECORD", False),
        ("bin/uvicorn", False),
        ("fontTools/misc/bezierTools.c", False),
        ("pyphen/dictionaries/hyph_en_GB.dic", True),
        ("pyphen/dictionaries/hyph_de_DE.dic", False),
        ("PIL/_avif.cpython-311-x86_64-linux-gnu.so", False),
        ("PIL/_webp.cpython-311-x86_64-linux-gnu.so", True),
        ("pillow.libs/libavif-c6062d5f.so.16.4.2", False),
    ],
)
def test_of_wheels_only_what_runs_is_kept(path: str, kept: bool) -> None:
    assert (libraries._LEFT_OUT.match(path) is None) is kept


def test_the_dockerfile_starts_the_same_program() -> None:
    lines = (REPOSITORY / "infra/image/Dockerfile").read_text(encoding="utf-8").rpartition("FROM scratch")[2]
    said = dict(re.findall(r"^(USER|WORKDIR|STOPSIGNAL|ENTRYPOINT|CMD) (.+)$", lines, re.MULTILINE))
    assert said["USER"] == CONFIG["User"]
    assert said["WORKDIR"] == CONFIG["WorkingDir"]
    assert said["STOPSIGNAL"] == CONFIG["StopSignal"]
    assert json.loads(said["ENTRYPOINT"]) == CONFIG["Entrypoint"]
    assert json.loads(said["CMD"]) == CONFIG["Cmd"]
    assert re.findall(r"^ENV (.+)$", lines, re.MULTILINE) == CONFIG["Env"]
    assert dict(re.findall(r'^LABEL (\S+)="(.*)"$', lines, re.MULTILINE)) == CONFIG["Labels"]


def test_it_runs_as_nobody_and_writes_nowhere_but_tmp() -> None:
    settings = dict(line.split("=", 1) for line in CONFIG["Env"])
    assert CONFIG["User"].split(":")[0] == "65532"
    assert settings["HOME"].startswith("/tmp")  # noqa: S108
    assert settings["HIS_STATE_DIR"].startswith("/tmp")  # noqa: S108
    assert settings["PYTHONDONTWRITEBYTECODE"] == "1"


# -- the same bytes


def tree(folder: Path, *, reverse: bool = False, umask: int = 0o022) -> Path:
    """The same content, written in another order, at another time, under another umask."""
    before = os.umask(umask)
    try:
        names = ["b.txt", "a/x.py", "a/y.py", "a/z/deep.txt"]
        for name in reversed(names) if reverse else names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"content of {name}", encoding="utf-8")
            os.utime(path, (reverse * 1e9, reverse * 1e9))
        (folder / "link").symlink_to("a/x.py")
        (folder / "program").write_text("#!/bin/sh", encoding="utf-8")
        (folder / "program").chmod(0o700 if reverse else 0o755)
        (folder / "tmp").mkdir()
        (folder / "tmp").chmod(0o1777)
    finally:
        os.umask(before)
    return folder


def test_a_layer_depends_on_content_only(tmp_path: Path) -> None:
    first = oci.layer(tree(tmp_path / "one"), tmp_path / "one.tar", "t")
    second = oci.layer(tree(tmp_path / "two", reverse=True, umask=0o077), tmp_path / "two.tar", "t")
    assert first.digest == second.digest
    (tmp_path / "two/b.txt").write_text("other", encoding="utf-8")
    assert oci.layer(tmp_path / "two", tmp_path / "three.tar", "t").digest != first.digest


def test_a_layer_belongs_to_root_and_keeps_what_matters(tmp_path: Path) -> None:
    made = oci.layer(tree(tmp_path / "one", umask=0o077), tmp_path / "one.tar", "t")
    with tarfile.open(made.path) as archive:
        entries = {entry.name: entry for entry in archive}
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 0)}
    assert entries["link"].issym()
    assert entries["link"].linkname == "a/x.py"
    assert entries["program"].mode == 0o755
    assert entries["b.txt"].mode == 0o644
    assert entries["a"].mode == 0o755
    assert entries["tmp"].mode == 0o1777


def layout(tmp_path: Path) -> tuple[Path, str]:
    layers = [oci.layer(tree(tmp_path / "one"), tmp_path / "one.tar", "first")]
    folder = tmp_path / "layout"
    digest = oci.write_layout(folder, layers, architecture="amd64", name="registry/his:1", config=CONFIG)
    return folder, digest


def test_a_layout_holds_together(tmp_path: Path) -> None:
    folder, digest = layout(tmp_path)
    blobs = {f"sha256:{path.name}": path.read_bytes() for path in (folder / "blobs/sha256").iterdir()}
    assert all(f"sha256:{hashlib.sha256(content).hexdigest()}" == name for name, content in blobs.items())
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    assert index["manifests"][0]["digest"] == digest
    manifest = json.loads(blobs[digest])
    config = json.loads(blobs[manifest["config"]["digest"]])
    assert config["rootfs"]["diff_ids"] == [one["digest"] for one in manifest["layers"]]
    assert config["config"] == CONFIG
    assert all(len(blobs[one["digest"]]) == one["size"] for one in [*manifest["layers"], manifest["config"]])


def test_the_archive_is_the_layout(tmp_path: Path) -> None:
    folder, _ = layout(tmp_path)
    oci.archive(folder, tmp_path / "his.tar")
    with tarfile.open(tmp_path / "his.tar") as archive:
        file = archive.extractfile("index.json")
        assert file is not None
        assert file.read() == (folder / "index.json").read_bytes()


# -- into a registry


class Registry(ThreadingHTTPServer):
    """The few calls of the distribution protocol that a push makes, checked as strictly as a registry does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.uploads = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_HEAD(self) -> None:
        self._answer(200 if self.path.rsplit("/", 1)[1] in self.server.blobs else 404)

    def do_POST(self) -> None:
        self.server.uploads += 1
        self._answer(202, Location=f"{self.path}{self.server.uploads}?state=x")

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        address = urlsplit(self.path)
        if "/manifests/" in address.path:
            parts = json.loads(content)
            known = all(one["digest"] in self.server.blobs for one in [*parts["layers"], parts["config"]])
            self.server.manifests[address.path.rsplit("/", 1)[1]] = content
            self._answer(201 if known and self.headers["Content-Type"] == oci.MANIFEST else 400)
            return
        digest = parse_qs(address.query)["digest"][0]
        right = digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.server.blobs[digest] = content
        self._answer(201 if right else 400)

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_push(tmp_path: Path, registry: Registry) -> None:
    folder, digest = layout(tmp_path)
    assert push(folder, f"{registry.address}/clinic/his:1", plain=True) == digest
    assert f"sha256:{hashlib.sha256(registry.manifests['1']).hexdigest()}" == digest
    sent = registry.uploads
    push(folder, f"{registry.address}/clinic/his:2", plain=True)
    assert registry.uploads == sent, "what is there is not sent again"


def test_a_broken_layout_is_not_pushed(tmp_path: Path, registry: Registry) -> None:
    folder, _ = layout(tmp_path)
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    manifest = folder / "blobs/sha256" / index["manifests"][0]["digest"].removeprefix("sha256:")
    layer = json.loads(manifest.read_bytes())["layers"][0]["digest"].removeprefix("sha256:")
    (folder / "blobs/sha256" / layer).write_bytes(io.BytesIO(b"torn").getvalue())
    with pytest.raises(PushError):
        push(folder, f"{registry.address}/clinic/his:1", plain=True)
    assert registry.manifests == {}


@pytest.mark.parametrize("reference", ["his:1", "registry/his", ""])
def test_a_reference_must_be_whole(tmp_path: Path, reference: str) -> None:
    folder, _ = layout(tmp_path)
    with pytest.raises(PushError):
        push(folder, reference)
