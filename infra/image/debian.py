"""The operating system of the image: chosen Debian packages, unpacked without running anything of theirs.

Packages come through the machine's own apt, which checks their signatures; their checksums are recorded beside this
file, so that the same packages are used everywhere until somebody runs `lock` again.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.image import rootfs

HERE = Path(__file__).parent
NAMES = HERE / "packages.txt"
LOCK = HERE / "packages.lock"
FONT_PACKAGE = "fonts-noto-cjk"

_LEFT_OUT = re.compile(
    r"usr/share/(doc|man|info|locale|lintian|bug|bash-completion|binfmts|apport|glib-2.0|gdb|menu|pixmaps|applications"
    r"|base-files|debianutils|common-licenses|perl5|python3.11|gcc|dict|doc-base|fontconfig|xml)(/|$)"
    r"|usr/share/zoneinfo/(right|posix)(/|$)"
    r"|etc/(kernel|cron|init|logrotate|apt|default|ca-certificates|update-motd|profile|skel|motd|issue|dpkg|fonts|rpc|ethertypes)"
    r"|usr/s?bin/(?!python3)"
    r"|(usr/lib/)?(sysusers|tmpfiles|systemd|udev|binfmt)\b"
    r"|(var|boot|home|root|media|mnt|opt|srv|run|proc|sys|dev)(/|$)"
    r"|usr/(games|include|src|local|libexec)(/|$)"
    r"|usr/lib/[^/]+/(gconv|audit|e2fsprogs|engines-3|ossl-modules/legacy|libgthread-2"
    r"|libmemusage|libpcprofile|libnss_hesiod|libnss_compat|libnsl\.|libthread_db|libBrokenLocale)"
    r"|usr/lib/[^/]+/glib-2.0(/|$)"
    r"|usr/lib/python3\.11/(test|idlelib|tkinter|lib2to3|ensurepip|turtledemo|pydoc_data|distutils|config-)"
    r"|usr/lib/python3\.11/(turtle|antigravity|this|__phello__)\b"
    r"|usr/lib/python3\.11/lib-dynload/(_curses|_curses_panel|_dbm|nis|readline|_test|_xxtest|_ctypes_test|ossaudiodev)"
)


@dataclass(frozen=True, slots=True)
class Package:
    """One Debian package of one version, with the SHA-256 of its file."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}={self.version} sha256:{self.sha256}"


class PackageError(Exception):
    """A package cannot be had or is not the one recorded; the text says what to do."""


class PackageGone(PackageError):
    """apt no longer has the version recorded: the suite has moved on."""


def architecture() -> str:
    """Debian's name of this machine's architecture, for example amd64."""
    return _output("dpkg", "--print-architecture").strip()


def locked(lock: Path = LOCK) -> list[Package]:
    """The packages recorded in a lock file."""
    return listed(lock.read_text(encoding="utf-8"))


def listed(text: str) -> list[Package]:
    """The packages of a lock file's text."""
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            what, digest = line.split()
            name, version = what.split("=", 1)
            found.append(Package(name, version, digest.removeprefix("sha256:")))
    return found


def lock() -> str:
    """Text of packages.lock for the newest versions the machine's apt knows."""
    names = [line for line in NAMES.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    lines = [f"# Debian packages of the image ({architecture()}). Written by `python -m infra.image lock`."]
    for name in sorted(names):
        described = _output("apt-cache", "show", "--no-all-versions", name)
        fields = dict(re.findall(r"^(Version|SHA256): (\S+)$", described, re.MULTILINE))
        lines.append(str(Package(name, fields["Version"], fields["SHA256"])))
    return "\n".join(lines) + "\n"


def fetch(package: Package, cache: Path) -> Path:
    """The package's file, from the cache or by apt; checked against its checksum either way."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{package.sha256}.deb"
    if not path.exists():
        draft = cache / f"fetch-{package.name}-{os.getpid()}"
        draft.mkdir()
        try:
            order = ["apt-get", "-qq", "download", f"{package.name}={package.version}"]
            done = subprocess.run(order, cwd=draft, capture_output=True, text=True, check=False)
            files = list(draft.glob("*.deb"))
            if done.returncode or not files:
                raise PackageGone(
                    f"apt has no {package.name}={package.version} (any more). Run `python -m infra.image lock` for"
                    f" the versions of today, or point apt at a snapshot of the day of packages.lock.\n{done.stderr}"
                )
            files[0].rename(path)
        finally:
            shutil.rmtree(draft)
    if hashlib.sha256(path.read_bytes()).hexdigest() != package.sha256:
        path.unlink()
        raise PackageError(f"{package.name}={package.version} is not the file whose checksum is recorded.")
    return path


def unpack(packages: list[Package], cache: Path, root: Path) -> None:
    """Lay out the operating system under `root`."""
    rootfs.begin(root)
    for package in packages:
        if package.name == FONT_PACKAGE:
            continue
        for member, content in members(fetch(package, cache)):
            rootfs.place(root, member, content, _LEFT_OUT)
    _finish(root, packages, cache)


def members(deb: Path) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Every file and link of a package, its path without the leading dot."""
    content = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            member.name = member.name.removeprefix(".").strip("/")
            if member.isfile() or member.issym() or member.islnk():
                file = archive.extractfile(member) if member.isfile() else None
                yield member, file.read() if file else b""


def _finish(root: Path, packages: list[Package], cache: Path) -> None:
    """What maintainer scripts would have done, and what scanners read."""
    rootfs.furnish(root, "his", 65532, "/nonexistent")
    (root / "usr/bin/python3").symlink_to("python3.11")
    (root / "usr/bin/python").symlink_to("python3.11")
    certificates = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(path.read_text(encoding="utf-8") for path in certificates), encoding="utf-8")
    shutil.rmtree(root / "usr/share/ca-certificates")
    # One file a package, the layout scanners know from images without a package manager.
    status = root / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for package in packages:
        described = _output("dpkg-deb", "--field", str(fetch(package, cache)))
        (status / package.name).write_text(described, encoding="utf-8")


def _output(*order: str) -> str:
    return subprocess.run(order, capture_output=True, text=True, check=True, env=os.environ | {"LC_ALL": "C"}).stdout
